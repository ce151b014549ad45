"""Which request goes where, and what becomes of errors.

aiohttp's low-level server with a table of our own, since its application spends 10 µs of a
request's 33 on routing: a regular expression for each pattern, middlewares, signals. The paths are
few and known at the start. What a target leads to is remembered, as senders use the same ones for
ever: a look into a dictionary instead of 6 µs of splitting and parsing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from aiohttp import HttpVersion10, HttpVersion11, web

from libs.runtime.metrics_port import answer_metrics
from services.ingress.answering import SERVER, last
from services.ingress.connection import Connection
from services.ingress.express import METHOD
from services.ingress.failing import count_rejection, rejection_of
from services.ingress.health import Health
from services.ingress.peer import Peer
from services.ingress.rejections import Refusal, Rejection, error_response, not_found
from services.ingress.ways import Ways
from services.ingress.webhooks import Webhooks

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

METRICS: Final = "/metrics"
PAGE_METHODS: Final = ("GET", "HEAD")
_VERSIONS: Final = (HttpVersion11, HttpVersion10)
_TOO_MANY: Final = 429
_REFUSED: Final = 400  # and above
# in the words of a version that we speak
_OTHER_VERSION: Final = Refusal.OTHER_VERSION.rejection()


def pages(health: Health) -> Mapping[str, Handler]:
    """Return what is answered beside the webhooks, by its path."""
    return {
        "/health/live": health.live,
        "/health/ready": health.ready,
        METRICS: answer_metrics,
    }


class Front:
    """Handles every request that has a readable head."""

    def __init__(self, webhooks: Webhooks, health: Health, *, tells_metrics: bool = True) -> None:
        self._webhooks = webhooks
        self.ways = Ways(webhooks.doors, webhooks.guard)
        own = pages(health)
        self._pages = {path: own[path] for path in own if tells_metrics or path != METRICS}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; whatever is raised becomes a small answer that tells a stranger nothing."""
        if request.version not in _VERSIONS:
            count_rejection(_OTHER_VERSION.status)
            return last(_OTHER_VERSION)
        try:
            response = await self._answer(request)
        except Rejection as rejection:
            response = rejection.response()
            if rejection.status == _TOO_MANY and rejection.close:
                _connection(request).end_with_answer()
        except web.HTTPException as error:
            response = error_response(error.status, (error.reason or "error").lower())
        except Exception as error:  # noqa: BLE001  # a bug becomes a 500
            response = rejection_of(error, method=request.method).response()
        if response.status >= _REFUSED:
            count_rejection(response.status)
        # aiohttp's default names its own version and Python's
        response.headers["Server"] = SERVER
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if (
            request.method == METHOD
            and (way := self.ways.of(request.raw_path, request.rel_url)) is not None
        ):
            sender = self._webhooks.sender(peer_of(request), request.headers, request.protocol)
            return await self._webhooks.receive(request, way, sender)
        path = request.rel_url.path_safe
        page = self._pages.get(path)
        if page is not None:
            if request.method in PAGE_METHODS:
                return await page(request)
            raise _not_allowed(",".join(PAGE_METHODS))
        if self.ways.takes(path):
            if request.method != METHOD:
                raise _not_allowed(METHOD)
            self._webhooks.lead_nowhere(request)
        raise not_found()


def peer_of(request: web.BaseRequest) -> Peer:
    """Return who is connected."""
    return _connection(request).peer


def _connection(request: web.BaseRequest) -> Connection:
    return cast(Connection, request.protocol)


def _not_allowed(allowed: str) -> Rejection:
    return Refusal.NOT_ALLOWED.rejection(headers={"Allow": allowed})
