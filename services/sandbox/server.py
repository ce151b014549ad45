"""The sandbox's one HTTP server: every API under its provider's name, and how far everything is."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

from aiohttp import web

from libs.runtime.failures import PermanentError
from services.sandbox.apis import clip, mobbex, safe2pay
from services.sandbox.chaos import Chaos, Words, middleware
from services.sandbox.payu import answers as payu

HOST: Final = "127.0.0.1"
MOST_BYTES: Final = 4 * 1024 * 1024
_LEAVE_WITHIN: Final = 1.0  # seconds for requests under way when the sandbox ends

WORDS: Final = {
    "clip": Words(broken=clip.BROKEN, rate_limited=clip.RATE_LIMITED),
    "mobbex": Words(broken=mobbex.BROKEN, rate_limited=mobbex.RATE_LIMITED),
    "safe2pay": Words(broken=safe2pay.BROKEN, rate_limited=safe2pay.RATE_LIMITED),
    "payu": Words(broken=payu.BROKEN, rate_limited=payu.RATE_LIMITED),
}


def application(
    chaos: Chaos, routes: Iterable[web.RouteDef], status: Callable[[], dict[str, Any]]
) -> web.Application:
    """Put the routes together, behind the faults; `/sandbox/status` stands before them."""
    app = web.Application(client_max_size=MOST_BYTES, middlewares=[middleware(chaos, WORDS)])
    app.add_routes(routes)

    async def tell(_: web.Request) -> web.Response:
        return web.json_response(text=json.dumps(status()))

    app.add_routes([web.get("/sandbox/status", tell)])
    return app


@contextlib.asynccontextmanager
async def serving(app: web.Application, chaos: Chaos, port: int) -> AsyncIterator[str]:
    """Serve on loopback while inside; give the address. Raises `PermanentError` for a taken port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LEAVE_WITHIN)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else "cannot be listened on"
            raise PermanentError(f"port {port} {why}; choose another --port") from None
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        chaos.closing.set()
        await runner.cleanup()
