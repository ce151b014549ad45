"""The last look at everything that is logged: credentials and card numbers do not get through.

Nothing that calls a logger should hand over either; this is for the exception text of a library
and for the line that somebody adds in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any, Final

MASK: Final = "***"
_DEPTH: Final = 6

# scheme://user:password@host: everything up to the last @ before the path.
_USERINFO: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"]*@")
_PARAMETER: Final = re.compile(
    r"""(?ix) \b ( [a-z_-]* (?: password | passwd | secret | token | api_?key | secretkey ) )
        ( ["']? \s* [=:] \s* ["']? ) (?! \*\*\* ) [^\s&"',;}]+ """
)
# ISO/IEC 7812: card numbers have up to 19 digits; 13 is the shortest in use.
_DIGITS: Final = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, object]:
    """Mask every text in an event of structlog: keys stay, values are looked through."""
    return {key: _value(value, _DEPTH) for key, value in event.items()}


def mask(text: str) -> str:
    """Mask the credentials of URLs, secrets that stand as `token=…`, and card numbers."""
    if "@" in text:
        text = _USERINFO.sub(rf"\1{MASK}@", text)
    if "=" in text or ":" in text:
        text = _PARAMETER.sub(rf"\1\2{MASK}", text)
    return _DIGITS.sub(_card, text)


def is_card_number(digits: str) -> bool:
    """Tell whether 13 to 19 digits pass the check of Luhn (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return 13 <= len(digits) <= 19 and total % 10 == 0


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    if not is_card_number(digits) or digits == "0" * len(digits):
        return found[0]
    return f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}"


def _value(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _nested(value, depth - 1) if depth else "…"
    if isinstance(value, int):
        masked = _DIGITS.sub(_card, str(value)) if value >= 10**12 else ""
        return masked if "*" in masked else value
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else _text(str(value))


def _nested(value: Mapping[object, object] | Collection[object], depth: int) -> object:
    if isinstance(value, Mapping):
        return {_text(str(key)): _value(one, depth) for key, one in value.items()}
    return [_value(one, depth) for one in value]


def _text(text: str) -> str:
    """Mask, and write a lone surrogate as an escape: a log line is no place to fail."""
    masked = mask(text)
    return masked if masked.isascii() else masked.encode("utf-8", "backslashreplace").decode()
