"""Reads one body: the exact bytes, within a size, a time and the memory that there is."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.web_exceptions import HTTPException

from services.ingress.budget import Hold
from services.ingress.rejections import Rejection, error_response, too_large, unavailable


def check_head(request: web.BaseRequest, max_body_bytes: int) -> None:
    """Refuse by the header fields alone what need not be read: 413 and 415."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise Rejection(415, "content encoding not supported", close=True)
    if request.content_length is not None and request.content_length > max_body_bytes:
        raise too_large()


async def read_body(
    request: web.BaseRequest, hold: Hold, *, max_body_bytes: int, within: float
) -> bytes:
    """Return the body. Rejected are: empty 400, broken off 400, slow 408, large 413, no room 503.

    `within` is for the whole body, in seconds: a sender that trickles is slow as well.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within):
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > max_body_bytes:
                    raise too_large()
                if not hold.take(len(chunk)):
                    raise unavailable()
                chunks.append(chunk)
    except TimeoutError:
        raise Rejection(408, "body too slow", close=True) from None
    except (web.RequestPayloadError, ConnectionError, HTTPException):
        raise Rejection(400, "body not readable", close=True) from None
    if not size:
        raise Rejection(400, "body is empty")
    return b"".join(chunks)


async def continue_if_welcome(request: web.BaseRequest, max_body_bytes: int) -> web.Response | None:
    """Answer `Expect: 100-continue`, before a body is sent that would be too large anyway."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        return error_response(417, "expectation failed")
    try:
        check_head(request, max_body_bytes)
    except Rejection as rejection:
        return rejection.response()
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun
    return None
