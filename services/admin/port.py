"""The port: who may, and what is answered. JSON in and out; no raw body is ever shown."""

from __future__ import annotations

import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from aiohttp import web
from pydantic import BaseModel

from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.database import Pool
from services.admin import answers
from services.admin.actions import Actions, NotFoundError
from services.admin.requests import NotUsableError, checked, queried, read
from services.admin.routes import GET, ROUTES, Desk, Route
from services.admin.tokens import Tokens

BODY_BYTES: Final = 512 * 1024
_WHO: Final = web.RequestKey("who", str)
_NOT_DONE: Final = (
    (NotUsableError, answers.UNUSABLE),
    (NotFoundError, answers.MISSING),
    (PermanentError, answers.NOT_POSSIBLE),
    (TemporaryError, answers.NOT_NOW),
)
_KINDS: Final = tuple(kind for kind, _ in _NOT_DONE)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


def application(pool: Pool, actions: Actions, tokens: Tokens) -> web.Application:
    """Return what answers on the port."""
    app = web.Application(middlewares=[_answering, _let_in(tokens)], client_max_size=BODY_BYTES)
    desk = Desk(pool, actions)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _handler(desk, route))
    return app


def _handler(desk: Desk, route: Route) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        place = checked(dict(request.match_info), route.place)
        if route.method == GET:
            wanted = queried(request, route.takes)
        else:
            wanted = await read(request, route.takes)
        return in_json(_plain(await route.does(desk, request[_WHO], place, wanted)))

    return handle


def _let_in(tokens: Tokens) -> Any:  # noqa: ANN401 - what aiohttp takes for a middleware
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for a token before anything else is looked at, also on paths that do not exist."""
        shown = request.headers.getall("Authorization", [])
        who = tokens.who(shown[0]) if len(shown) == 1 else None
        if who is None:
            log.warning("admin_not_let_in", shown=bool(shown))
            status = answers.NO_TOKEN.status
            return in_json({}, status=status, headers={"WWW-Authenticate": "Bearer"})
        request[_WHO] = who
        return await handler(request)

    return check


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into JSON with one line; none of them quotes what was sent."""
    try:
        return await handler(request)
    except _KINDS as error:
        [status, *_] = [told.status for kind, told in _NOT_DONE if isinstance(error, kind)]
        return in_json({"error": str(error)}, status=status)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return in_json({"error": error.reason}, status=error.status, headers=allow)
    except Exception as error:  # noqa: BLE001 - a bug becomes a 500, in our own words
        log.error(  # noqa: TRY400 - the frames alone: its text may quote what was sent
            "request_failed",
            method=request.method,
            error=type(error).__name__,
            frames=traceback.format_tb(error.__traceback__)[-8:],
        )
        return in_json({"error": "internal error"}, status=answers.BUG.status)


def _plain(told: object) -> object:
    """Return an answer as JSON values; what was not said in it is left out."""
    return told.model_dump(mode="json", exclude_unset=True) if isinstance(told, BaseModel) else told


def in_json(
    told: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer in JSON, which nobody keeps."""
    return web.Response(
        text=json.dumps(told),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
