"""E: aiohttp's handler that does nothing, on a loop as the ingress has it."""

from __future__ import annotations

import uvloop
from aiohttp import web

from bench.serving import serve


async def _nothing(_request: web.Request) -> web.Response:
    return web.Response()


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/{tail:.*}", _nothing)
    await serve(web.AppRunner(app, access_log=None))


if __name__ == "__main__":
    uvloop.run(_serve())
