"""The port: routes, who may, and what is answered. JSON in and out; no raw body is ever shown."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from aiohttp import web

from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.acts import list_acts
from libs.store.database import Pool
from libs.store.inspect import find_objects, list_parked
from libs.store.parked import Choice, parked_groups
from services.admin.actions import Actions, NotFoundError
from services.admin.requests import Again, NotUsableError, Parked, Poll, read
from services.admin.tokens import Tokens
from services.inspection.view import act_view, group_view, object_view, parked_view

MOST: Final = 1000  # rows that are read at once
BODY_BYTES: Final = 512 * 1024
_WHO: Final = web.RequestKey("who", str)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


def application(pool: Pool, actions: Actions, tokens: Tokens) -> web.Application:
    """Return what answers on the port."""
    app = web.Application(middlewares=[_answering, _let_in(tokens)], client_max_size=BODY_BYTES)
    desk = _Desk(pool, actions)
    app.add_routes(
        [
            web.get("/parked", desk.parked),
            web.get("/parked/groups", desk.groups),
            web.get("/objects/{ref}", desk.objects),
            web.get("/acts", desk.acts),
            web.post("/parked/replay", desk.replay),
            web.post("/parked/discard", desk.discard),
            web.post(r"/deliveries/{id:[0-9a-fA-F-]{36}}/replay", desk.again),
            web.post("/objects/poll", desk.poll),
        ]
    )
    return app


class _Desk:
    """The handlers."""

    def __init__(self, pool: Pool, actions: Actions) -> None:
        self._pool = pool
        self._actions = actions

    async def parked(self, request: web.Request) -> web.Response:
        found = await list_parked(
            self._pool,
            source=request.query.get("source"),
            provider=request.query.get("provider"),
            reason=request.query.get("reason"),
            limit=_limit(request),
        )
        return _json([parked_view(each) for each in found])

    async def groups(self, request: web.Request) -> web.Response:
        choice = Choice(
            source=request.query.get("source"),
            provider=request.query.get("provider"),
            reason=request.query.get("reason"),
        )
        return _json([group_view(each) for each in await parked_groups(self._pool, choice)])

    async def objects(self, request: web.Request) -> web.Response:
        ref, source = request.match_info["ref"], request.query.get("source")
        return _json(
            [object_view(row) for row in await find_objects(self._pool, ref, source=source)]
        )

    async def acts(self, request: web.Request) -> web.Response:
        found = await list_acts(
            self._pool,
            who=request.query.get("who"),
            action=request.query.get("action"),
            limit=_limit(request),
        )
        return _json([act_view(each) for each in found])

    async def replay(self, request: web.Request) -> web.Response:
        return _json(await self._actions.replay(request[_WHO], await read(request, Parked)))

    async def discard(self, request: web.Request) -> web.Response:
        return _json(await self._actions.discard(request[_WHO], await read(request, Parked)))

    async def again(self, request: web.Request) -> web.Response:
        wanted = await read(request, Again)
        return _json(await self._actions.again(request[_WHO], request.match_info["id"], wanted))

    async def poll(self, request: web.Request) -> web.Response:
        return _json(await self._actions.poll(request[_WHO], await read(request, Poll)))


def _let_in(tokens: Tokens) -> Any:  # noqa: ANN401 - what aiohttp takes for a middleware
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for a token before anything else is looked at, also on paths that do not exist."""
        shown = request.headers.getall("Authorization", [])
        who = tokens.who(shown[0]) if len(shown) == 1 else None
        if who is None:
            log.warning("admin_not_let_in", shown=bool(shown))
            return _json({}, status=401, headers={"WWW-Authenticate": "Bearer"})
        request[_WHO] = who
        return await handler(request)

    return check


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into JSON with one line; none of them quotes what was sent."""
    try:
        return await handler(request)
    except NotUsableError as error:
        return _json({"error": str(error)}, status=400)
    except NotFoundError as error:
        return _json({"error": str(error)}, status=404)
    except PermanentError as error:
        return _json({"error": str(error)}, status=409)
    except TemporaryError as error:
        return _json({"error": str(error)}, status=503)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _json({"error": error.reason}, status=error.status, headers=allow)


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(MOST))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise NotUsableError(f"limit must be from 1 to {MOST}")
    return int(text)


def _json(
    told: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        text=json.dumps(told),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
