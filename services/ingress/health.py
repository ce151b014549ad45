"""Health: alive is whoever answers; ready is who could keep a webhook now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Health:
    """The two handlers; `is_ready` is asked anew each time."""

    is_ready: Callable[[], bool]

    async def live(self, _request: web.Request) -> web.Response:
        return _told(200, "live")

    async def ready(self, _request: web.Request) -> web.Response:
        return _told(200, "ready") if self.is_ready() else _told(503, "not ready")


def _told(status: int, word: str) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps({"status": word}),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
