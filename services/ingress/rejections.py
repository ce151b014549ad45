"""What a sender is told when we do not take a request: a status and two words, no explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import orjson
from aiohttp import web

RETRY_AFTER: Final = 5  # seconds
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Rejection(Exception):  # noqa: N818  # an answer, not a fault
    """Ends a request with `status` and `{"error": …}`; `close` also ends the connection."""

    def __init__(
        self,
        status: int,
        error: str,
        *,
        close: bool = False,
        headers: Mapping[str, str] = _NONE,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.close = close
        self.headers = headers

    def body(self) -> bytes:
        """Say what is wrong in two words, as JSON."""
        return orjson.dumps({"error": self.error})

    def told_headers(self) -> Iterator[tuple[str, str]]:
        """Give the headers beside those that every answer has."""
        yield from self.headers.items()
        if self.close:
            yield "Connection", "close"

    def response(self) -> web.Response:
        answer = error_response(self.status, self.error, self.headers)
        if self.close:
            answer.force_close()
        return answer


def error_response(status: int, error: str, headers: Mapping[str, str] = _NONE) -> web.Response:
    """Answer with `{"error": …}`."""
    return web.Response(
        status=status,
        body=orjson.dumps({"error": error}),
        content_type="application/json",
        headers=headers,
    )


def not_found() -> Rejection:
    """Answer a source that does not exist, and one that is closed, in the same way."""
    return Rejection(404, "not found")


def unauthorized() -> Rejection:
    return Rejection(401, "unauthorized")


def too_large() -> Rejection:
    return Rejection(413, "body too large", close=True)


def unavailable(*, close: bool = False) -> Rejection:
    """Say that we could not keep it, which is our fault: the sender shall send it again."""
    return Rejection(503, "try again later", close=close, headers={"Retry-After": str(RETRY_AFTER)})
