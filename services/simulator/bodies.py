"""Documents into bytes: JSON with exact numbers, and forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from services.simulator.lives import FORM, JSON, Body

_NUMBER: Final = re.compile(r'"@@([0-9.-]+)@@"')


def as_json(document: Mapping[str, Any], event: str | None = None) -> Body:
    """Write JSON; a `Decimal` is written with exactly the digits that it has."""
    return Body(json_text(document).encode(), JSON, event)


def json_text(document: Mapping[str, Any] | Sequence[Any]) -> str:
    text = json.dumps(document, ensure_ascii=False, default=_number)
    return _NUMBER.sub(r"\1", text)


def as_form(fields: Mapping[str, str], event: str | None = None) -> Body:
    """Write a form."""
    return Body(urlencode(fields).encode(), FORM, event)


def cut_short(body: Body, chance: Random) -> Body:
    """Leave out the end of a JSON body, as a broken connection would."""
    missing = chance.randint(1, 5)
    return Body(body.raw[:-missing], body.content_type, body.event)


def brackets(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten `{"data": {"id": "x"}}` to `{"data[id]": "x"}`; every value is text then."""
    found: dict[str, str] = {}
    for name, value in document.items():
        key = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, Mapping):
            found |= brackets(value, key)
        elif value is not None:
            found[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def plain(amount: Decimal) -> Decimal:
    """47.50 → 47.5 and 100.00 → 100: without trailing zeros and without an exponent."""
    return Decimal(format(amount.normalize(), "f"))


def cents(chance: Random, low: int, high: int) -> Decimal:
    """Draw an amount of two decimals between two whole amounts."""
    return Decimal(chance.randint(low * 100, high * 100)).scaleb(-2)


def part_of(amount: Decimal, chance: Random) -> Decimal:
    """Draw a part of an amount: from a tenth to four tenths of it, with its decimals."""
    return (amount * chance.randint(10, 40) / 100).quantize(amount)


def utc(moment: datetime, timespec: str = "seconds") -> str:
    """`2026-01-15T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _number(value: object) -> str:
    if isinstance(value, Decimal):
        return f"@@{value:f}@@"
    raise TypeError(type(value).__name__)
