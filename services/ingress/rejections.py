"""What a sender is told when we do not take a request: a status and two words, no explanation.

All that there are stand in one table, from which the document of the HTTP surface is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
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


class Refusal(Enum):
    """Why a request is not taken: the status, the words, what it is for, and which headers go with it.

    `ends` says that the connection ends with the answer, unless it is told otherwise. `anywhere`: on every
    path, the others only where a webhook may come to.
    """

    UNREADABLE = 400, "request not readable", "No HTTP that is taken.", True, True
    EVENT_UNREADABLE = (
        400,
        "event not readable",
        "The event that the query names is no name.",
        False,
    )
    BODY_EMPTY = 400, "body is empty", "A webhook without a body.", False
    BODY_UNREADABLE = (
        400,
        "body not readable",
        "It broke off, or is not the JSON that the source's authentication reads.",
        False,
    )
    UNAUTHORIZED = 401, "unauthorized", "The source's authentication is not fulfilled.", False
    NOT_FOUND = 404, "not found", "Nothing is here; no such source, or a closed one.", False, True
    NOT_ALLOWED = 405, "method not allowed", "Another method.", False, True, ("Allow",)
    HEAD_SLOW = 408, "head too slow", "The head took too long to arrive.", True, True
    BODY_SLOW = 408, "body too slow", "The body took too long to arrive.", True
    BODY_LARGE = 413, "body too large", "More than CAUDAL_MAX_BODY_BYTES.", True
    TARGET_LONG = 414, "target too long", "More than CAUDAL_MAX_FIELD_BYTES.", True, True
    CODED = 415, "content encoding not supported", "Any Content-Encoding.", True
    EXPECTATION = 417, "expectation failed", "Another Expect than 100-continue.", False
    TOO_MANY = 429, "too many requests", "A limit is reached.", False, True, ("Retry-After",)
    HEAD_LARGE = 431, "head too large", "Too many fields, or too large ones.", True, True
    BUG = 500, "internal error", "A fault of ours.", False, True
    TRANSFER_CODED = 501, "transfer coding not supported", "Another one than chunked.", True
    UNAVAILABLE = (
        503,
        "try again later",
        "It could not be kept: to be sent again.",
        False,
        True,
        ("Retry-After",),
    )
    OTHER_VERSION = 505, "version not supported", "Neither HTTP/1.1 nor HTTP/1.0.", True, True

    def __init__(  # noqa: PLR0913, PLR0917 - a row of the table
        self,
        status: int,
        error: str,
        why: str,
        ends: bool,  # noqa: FBT001
        anywhere: bool = False,  # noqa: FBT001, FBT002
        headers: tuple[str, ...] = (),
    ) -> None:
        self.status = status
        self.error = error
        self.why = why
        self.ends = ends
        self.anywhere = anywhere
        self.headers = headers

    def rejection(
        self, *, close: bool | None = None, headers: Mapping[str, str] = _NONE
    ) -> Rejection:
        """Make the answer; `headers` has the values of those that the table names."""
        closes = self.ends if close is None else close
        return Rejection(self.status, self.error, close=closes, headers=headers)


def not_found() -> Rejection:
    """Answer a source that does not exist, and one that is closed, in the same way."""
    return Refusal.NOT_FOUND.rejection()


def unauthorized() -> Rejection:
    return Refusal.UNAUTHORIZED.rejection()


def too_large() -> Rejection:
    return Refusal.BODY_LARGE.rejection()


def unavailable(*, close: bool = False) -> Rejection:
    """Say that we could not keep it, which is our fault: the sender shall send it again."""
    return Refusal.UNAVAILABLE.rejection(close=close, headers={"Retry-After": str(RETRY_AFTER)})
