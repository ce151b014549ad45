"""Reads one body: the exact bytes, within a size, a time and the memory that there is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_exceptions import HTTPException

from services.ingress.budget import Hold
from services.ingress.rejections import Refusal, Rejection, too_large, unavailable

GLIMPSE: Final = 0.5  # seconds
GLIMPSE_BYTES: Final = 65_536


def check_head(request: web.BaseRequest, max_body_bytes: int) -> None:
    """Refuse by the header fields alone what need not be read: 413, 415, and 501 of a transfer."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise Refusal.CODED.rejection()
    if "Transfer-Encoding" in request.headers and not is_plainly_chunked(request.headers):
        raise Refusal.TRANSFER_CODED.rejection()
    if request.content_length is not None and request.content_length > max_body_bytes:
        raise too_large()


def is_plainly_chunked(headers: Mapping[str, str]) -> bool:
    """Tell whether a body is in chunks and nothing else: a compressed one would be a bomb."""
    return headers.get("Transfer-Encoding", "").strip().lower() == "chunked"


async def read_body(
    request: web.BaseRequest, hold: Hold, *, max_body_bytes: int, within: float
) -> bytes:
    """Return the body. Rejected are: empty 400, broken off 400, slow 408, large 413, no room 503.

    `within` is for the whole body, in seconds: a sender that trickles is slow as well. Nearly every
    body is here when its head is handled; then there is nothing to wait for, and no clock is set
    (4 µs).
    """
    content = request.content
    try:
        if content.is_eof():
            body = content.read_nowait()
        else:
            async with asyncio.timeout(within):
                return await _piecemeal(content, hold, max_body_bytes)
    except TimeoutError:
        raise Refusal.BODY_SLOW.rejection() from None
    except (web.RequestPayloadError, ConnectionError, HTTPException):
        raise Refusal.BODY_UNREADABLE.rejection(close=True) from None
    check_whole(body, hold, max_body_bytes)
    return body


async def glimpse(request: web.BaseRequest, hold: Hold, max_body_bytes: int) -> bytes | None:
    """Return a body that is not let in, for the lost-and-found; None unless it comes soon and is small.

    Most clients send it right behind the head. No more are waited for than will be shown.
    """
    largest = min(GLIMPSE_BYTES, max_body_bytes)
    try:
        return await read_body(request, hold, max_body_bytes=largest, within=GLIMPSE)
    except Rejection:
        return None


def whole(content: StreamReader) -> bytes:
    """Return a body that is here to its end.

    Nearly every one is one piece. aiohttp takes it out in four calls, which count what is left and ask
    whether to read on: 1.2 µs more.
    """
    if content is EMPTY_PAYLOAD:
        return b""
    pieces = content._buffer  # noqa: SLF001 - aiohttp 3.14, which is pinned
    if len(pieces) == 1 and not content._protocol._reading_paused:  # noqa: SLF001
        return pieces.popleft()
    return content.read_nowait()


def check_whole(body: bytes, hold: Hold, max_body_bytes: int) -> None:
    """Refuse a body that came in one piece where it is empty, too large, or has no room."""
    if not body:
        raise Refusal.BODY_EMPTY.rejection()
    _take(len(body), len(body), hold, max_body_bytes)


async def _piecemeal(content: StreamReader, hold: Hold, max_body_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        _take(len(chunk), size, hold, max_body_bytes)
        chunks.append(chunk)
    if not chunks:
        raise Refusal.BODY_EMPTY.rejection()
    return b"".join(chunks)


def _take(more: int, size: int, hold: Hold, max_body_bytes: int) -> None:
    if size > max_body_bytes:
        raise too_large()
    if not hold.take(more):
        raise unavailable()


async def continue_if_welcome(request: web.BaseRequest, max_body_bytes: int) -> web.Response | None:
    """Answer `Expect: 100-continue`, before a body is sent that would be too large anyway."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        return Refusal.EXPECTATION.rejection().response()
    try:
        check_head(request, max_body_bytes)
    except Rejection as rejection:
        return rejection.response()
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun
    return None
