"""The port's server: aiohttp's, but for what is no HTTP, which aiohttp answers in words that quote it."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from services.admin import answers
from services.admin.port import in_json

log = structlog.get_logger()


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """Answer what did not come to be a request, and end the connection."""
        log.warning("request_malformed", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if status >= answers.BUG.status:
            answer = in_json({"error": "internal error"}, status=answers.BUG.status)
        else:
            answer = in_json({"error": "request not readable"}, status=answers.UNUSABLE.status)
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        """Make what handles one connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on that server."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            loop=made._loop,  # noqa: SLF001 - aiohttp 3.14, which is pinned
            **made._kwargs,  # noqa: SLF001 - the same
        )
