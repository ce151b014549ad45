"""Masks the card numbers in a body, and leaves every other byte as it was.

A provider that sends a card number whole does so in a field for it: the ones that its mapping declares, and those
that are called so everywhere. What such a field holds keeps the first six and the last four of its digits, in
JSON, in a form with bracket keys, and in JSON that is the text of a field. A number anywhere else is not touched,
whatever its check digit says: it may be an identifier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from libs.personal.cards import FIRST, LAST, masked_field
from libs.personal.datum import Datum, PersonalFields, tail_of
from libs.providers.reading import NotReadableError, read_json
from libs.providers.scalars import Names, Place, Scalar, scalars, unquoted

# What a card's number is called in other products of the same providers, and in public code around them.
EVERYWHERE: Final = ("card_number", "cardNumber", "card.number", "cc_number")

_SHOWN: Final = FIRST + LAST
_MORE_DIGITS: Final = re.compile(rb"(?:[^0-9]*+[0-9]){%d}" % (_SHOWN + 1))
# What JSON within a string may begin with.
_BEGINS: Final = frozenset("{[ \\\t\r\n")
_STAR: Final = b"%2a"  # as a form has it: in masks, and its digit is none
# Letters and digits that are written as escapes, which no sender does without a reason.
_IN_JSON: Final = re.compile(rb"\\u00[3-7][0-9a-f]")
_IN_FORM: Final = re.compile(rb"%(?:3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])")
_SEGMENT: Final = re.compile(r"[^\[\].]+")
_NESTED: Final = 3  # JSON in a string of JSON in a field of a form
_EXPONENTS: Final = range(-40, 41)


class CardFields:
    """The fields of one provider that hold card numbers."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._names = Names(frozenset(map(tail_of, paths)))
        lasts = {tail[-1].encode() for tail in self._names.tails}
        # `number` is in `card_number` too: one search finds both
        self._lasts = tuple(
            last for last in lasts if not any(other in last for other in lasts - {last})
        )
        # The field as nearly everybody writes it, with its value, which is plain and no object.
        self._plain = re.compile(
            b"(?:" + b"|".join(map(re.escape, sorted(self._lasts))) + rb")"
            rb'(?:"\s*:(?!\s*[{\[])\s*+(?:"([^"\\]*+)|(?!")([^"&,}\]\\]*+))(?!\\)'
            rb"|(?:%5d=|\]=|=)([^&]*+))"
        )

    @classmethod
    def of(cls, fields: PersonalFields) -> CardFields:
        """Make those of a provider from what it declares."""
        declared = [path for path, datum in fields.items() if datum is Datum.CARD]
        return cls([*declared, *EVERYWHERE])

    def masked(self, body: bytes) -> bytes:
        """Return the body with its card numbers masked. Raises nothing, whatever the bytes are."""
        if not self._names.tails or not self._may_be_in(body):
            return body
        text = body.decode("utf-8", "surrogateescape")
        masked = text
        starts_as_json = text.lstrip("\ufeff \t\r\n")[:1] in {"{", "[", '"'}
        if not starts_as_json or ("=" in text and not _is_json(text)):
            masked = self._form(text)
        masked = self._json(masked, Place(), _NESTED)
        return body if masked == text else masked.encode("utf-8", "surrogateescape")

    def _may_be_in(self, body: bytes) -> bool:
        """Rule out, for the price of a few searches, what nearly every body is: free of whole numbers."""
        flat = body.lower()
        if b"\\" in flat and _IN_JSON.search(flat):
            return True
        if b"%" in flat and _IN_FORM.search(flat):
            return True
        named = 0
        for last in self._lasts:
            named += flat.count(last)
        if not named:
            return False
        plain = self._plain.findall(flat)
        for in_quotes, bare, in_form in plain:
            value = in_quotes or bare or in_form
            if len(value) > _SHOWN and _may_have_more(value.replace(_STAR, b"")):
                return True
        # a name that stands there in another way: JSON in a string, a list, the word in a text
        return len(plain) != named and _may_have_more(flat)

    def _json(self, text: str, top: Place, depth: int) -> str:
        parts: list[str] = []
        done = 0
        for scalar in scalars(text, self._names, top, longer_than=_SHOWN):
            written = self._scalar(scalar, depth)
            if written is not None:
                parts += (text[done : scalar.start], written)
                done = scalar.end
        return "".join((*parts, text[done:])) if parts else text

    def _scalar(self, scalar: Scalar, depth: int) -> str | None:
        """Return a value as it is written when it is masked, or None where it stays."""
        raw = scalar.raw
        if not raw.startswith('"'):
            return _number(raw) if scalar.place.inside else None
        if not scalar.place.inside and raw[1] not in _BEGINS:
            return None
        value = unquoted(raw)
        masked = self._value(value, scalar.place, depth)
        if masked == value:
            return None
        if "\\" in raw or '"' in masked or "\\" in masked:
            return json.dumps(masked)
        return f'"{masked}"' if raw.endswith('"') else f'"{masked}'

    def _value(self, value: str, place: Place, depth: int) -> str:
        if place.inside:
            return masked_field(value)
        if depth and value.lstrip()[:1] in {"{", "["}:
            return self._json(value, place, depth - 1)
        return value

    def _form(self, text: str) -> str:
        return "&".join(map(self._pair, text.split("&")))

    def _pair(self, pair: str) -> str:
        name, equals, raw = pair.partition("=")
        if len(raw) <= _SHOWN:
            return pair
        place = Place()
        for segment in _SEGMENT.findall(_read(name)):
            place = place.below(None if segment.isdecimal() else segment, self._names)
        value = _read(raw)
        masked = self._value(value, place, _NESTED)
        if masked == value:
            return pair
        if "%" not in raw and "+" not in raw:
            return f"{name}{equals}{masked}"
        return f"{name}{equals}{quote_plus(masked, safe='*', errors='surrogateescape')}"


def _is_json(text: str) -> bool:
    try:
        read_json(text.lstrip("\ufeff"))
    except NotReadableError:
        return False
    return True


def _may_have_more(flat: bytes) -> bool:
    """Tell whether there may be more digits than are shown; those of other scripts are digits too."""
    return _MORE_DIGITS.match(flat) is not None or not flat.isascii()


def _read(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")


def _number(raw: str) -> str | None:
    """Return a JSON number as masked text: a mask is no number."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        masked = masked_field(raw)
        return None if masked == raw else masked
    if number.is_finite() and number.adjusted() in _EXPONENTS:
        whole = format(number, "f").partition(".")[0]
        masked = masked_field(whole)
        return None if masked == whole else f'"{masked}"'
    return None
