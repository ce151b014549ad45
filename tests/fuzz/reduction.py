"""Makes a failing input smaller for as long as it fails in the same way (delta debugging, Zeller 1999)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

WITHIN: Final = 20.0  # seconds


def reduced(body: bytes, fails: Callable[[bytes], bool], *, within: float = WITHIN) -> bytes:
    """Return the smallest body that was found to fail still; `body` itself fails.

    Pieces are left out, large ones first, until no single byte can be left out, or the time is over.
    """
    until = time.monotonic() + within
    size = max(1, len(body) // 2)
    while body:
        smaller = _without_pieces(body, size, fails, until)
        done = time.monotonic() >= until or (size == 1 and len(smaller) == len(body))
        body = smaller
        if done:
            break
        size = max(1, size // 2)
    return body


def _without_pieces(body: bytes, size: int, fails: Callable[[bytes], bool], until: float) -> bytes:
    at = 0
    while at < len(body) and time.monotonic() < until:
        tried = body[:at] + body[at + size :]
        if fails(tried):
            body = tried
        else:
            at += size
    return body
