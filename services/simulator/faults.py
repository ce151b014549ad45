"""What happens to bodies on their way: cut short, under a wrong content type, with spoilt accents.

A body whose header or accents are spoilt still says what it said. One that lost its end says
nothing, and its provider believes that it was delivered.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final

from services.simulator.lives import SECRET_SLOT, Body
from services.simulator.options import Options

# No type at all is left out: the client that posts would put one of its own there.
WRONG_TYPES: Final = (
    "text/plain",
    "text/html; charset=iso-8859-1",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin-1",
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def spoilt(body: Body, options: Options, chance: Random) -> Body:
    """Spoil the content type or the encoding of a body by the shares that were asked for."""
    if options.wrong_type and chance.random() < options.wrong_type:
        body = wrongly_typed(body, chance)
    if options.mojibake and chance.random() < options.mojibake:
        body = garbled(body)
    return body


def wrongly_typed(body: Body, chance: Random) -> Body:
    """Put another content type on a body, and leave its bytes alone."""
    others = [name for name in WRONG_TYPES if name != body.content_type]
    return replace(body, content_type=chance.choice(others))


def garbled(body: Body) -> Body:
    """Encode a body twice, as senders do that take UTF-8 for Latin-1: `é` arrives as `Ã©`.

    Where there is no accent to spoil, a byte order mark comes in front. A form is left alone: its
    accents are escaped.
    """
    if not body.raw.startswith(b"{"):
        return body
    if body.raw.isascii():
        return replace(body, raw=_BYTE_ORDER_MARK + body.raw)
    return replace(body, raw=body.raw.decode("latin-1").encode())


def can_lose_its_end(body: Body) -> bool:
    """Whether it is still known for what it was: JSON, of which a part is no JSON."""
    return body.raw.startswith((b"{", _BYTE_ORDER_MARK + b"{"))


def without_end(body: Body, mark: bytes, chance: Random) -> Body:
    """Cut a body somewhere behind the mark of its run, by which it is found again.

    The place where a credential goes stays whole too, or the archive would hold a part of it.
    """
    slot = SECRET_SLOT.encode()
    least = max(body.raw.find(word) + len(word) for word in (mark, slot) if word in body.raw)
    keeps = chance.randint(least, len(body.raw) - 1)
    return replace(body, raw=body.raw[:keeps])
