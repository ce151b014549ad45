"""The body of a notice: JSON or a bracket form, told by its bytes, and a name for its content.

The media type is a hint that decides only where the bytes do not: JSON comes under a form's
header and the other way round.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Final

from libs.providers.mobbex.form import read_brackets
from libs.providers.reading import Json, NotReadableError, decode, media_type, read_json

_JSON_STARTS: Final = ("{", "[", '"')
_PLAIN_EXPONENTS: Final = range(-40, 1)

_Canon = str | dict[str, "_Canon"]


def read_body(raw: bytes, content_type: str) -> Json:
    """Parse a notice; raise `NotReadableError` for what is neither JSON nor a form."""
    text = decode(raw).lstrip(" \t\r\n")
    if not text:
        raise NotReadableError("empty")
    bare_json = "=" not in text and media_type(content_type) == "application/json"
    if text.startswith(_JSON_STARTS) or bare_json:
        return read_json(text)
    return read_brackets(text.encode())


def fingerprint(body: Json) -> str:
    """Name the content of a body: 32 hex characters, the same for JSON and form of one notice.

    SHA-256 of the body as JSON with sorted keys and no blanks, in which every scalar is text (as a
    form has it: `true`, `6705`, `0.5`; 6705 and 6705.00 stay different), a list is an object
    with the keys 0..n-1, and what a form cannot say (null, empty text, empty containers) is
    left out.
    """
    canon = _canonical(body) or {}
    text = json.dumps(canon, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def number_text(number: int | Decimal) -> str:
    """Write a number without an exponent where that is short: 0.0000001, not 1E-7."""
    if isinstance(number, Decimal) and number.as_tuple().exponent in _PLAIN_EXPONENTS:
        return format(number, "f")
    return str(number)


def _canonical(value: Json) -> _Canon | None:
    if isinstance(value, list):
        value = {str(place): child for place, child in enumerate(value)}
    if isinstance(value, dict):
        children = {key: _canonical(child) for key, child in value.items()}
        return {key: child for key, child in children.items() if child is not None} or None
    return _scalar(value)


def _scalar(value: bool | int | Decimal | str | None) -> str | None:  # noqa: FBT001 - a JSON value
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number_text(value)
