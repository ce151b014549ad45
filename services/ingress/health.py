"""Health: alive is whoever answers; ready is who could keep a webhook now, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from aiohttp import web

from services.ingress.ladder import Level


@dataclass(frozen=True, slots=True)
class Health:
    """The two handlers; `level` is asked anew each time, and is `refusing` while stopping."""

    level: Callable[[], Level]

    async def live(self, _request: web.BaseRequest) -> web.Response:
        return _told(200, {"status": "live"})

    async def ready(self, _request: web.BaseRequest) -> web.Response:
        level = self.level()
        if level is Level.REFUSING:
            return _told(503, {"status": "not ready", "level": level.value})
        return _told(200, {"status": "ready", "level": level.value})


def _told(status: int, words: dict[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(words),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
