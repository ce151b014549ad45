"""The last look at everything that is logged: what is not on the list does not get through.

Of a field that `log_fields` does not name only the type and the length are shown. What may be shown is looked
through for credentials, and for whatever belongs to a person and has a shape of its own
(`libs.personal.masks`). Nothing that calls a logger should hand over either; this is for the text of a
library's error and for the line that somebody adds in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any, Final

from libs.personal.cards import is_card_number
from libs.personal.masks import without_personal
from libs.runtime.log_fields import IDENTIFIERS, LOGGED

__all__ = ["MASK", "is_card_number", "mask", "scrub", "scrubbed"]

MASK: Final = "***"
_DEPTH: Final = 6

# scheme://user:password@host: everything up to the last @ before the path.
_USERINFO: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"]*@")
_PARAMETER: Final = re.compile(
    r"""(?ix) \b ( [a-z_-]* (?: password | passwd | secret | token | api_?key | secretkey ) )
        ( ["']? \s* [=:] \s* ["']? ) (?! \*\*\* ) [^\s&"',;}]+ """
)
# What an identifier is made of: no blank, no @, nothing that a message needs.
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, object]:
    """Look through an event of structlog: the last processor before it is written."""
    return scrubbed(event)


def scrubbed(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a log line as they may be shown."""
    return _named(fields, _DEPTH)


def mask(text: str) -> str:
    """Mask the credentials of URLs, secrets that stand as `token=…`, and what belongs to a person."""
    if "@" in text:
        text = _USERINFO.sub(rf"\1{MASK}@", text)
    if "=" in text or ":" in text:
        text = _PARAMETER.sub(rf"\1\2{MASK}", text)
    return without_personal(text)


def _named(fields: Mapping[Any, object], depth: int) -> dict[str, object]:
    shown: dict[str, object] = {}
    for key, value in fields.items():
        name = key if isinstance(key, str) else str(key)
        if name in IDENTIFIERS and _is_identifier(value):
            shown[name] = value
        elif name in LOGGED:
            shown[name] = _value(value, depth)
        else:
            shown[_text(name)] = _shape(value)
    return shown


def _is_identifier(value: object) -> bool:
    if isinstance(value, str):
        return _IDENTIFIER.fullmatch(value) is not None
    return isinstance(value, int)


def _shape(value: object) -> object:
    """Tell what a value is, and nothing of what it says."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return f"<text of {len(value)}>"
    if isinstance(value, Collection):
        return f"<{type(value).__name__} of {len(value)}>"
    return f"<{type(value).__name__}>"


def _value(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _nested(value, depth - 1) if depth else "…"
    if isinstance(value, int):
        masked = without_personal(str(value)) if value >= 10**10 else str(value)
        return value if masked == str(value) else masked
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else _text(str(value))


def _nested(value: Mapping[object, object] | Collection[object], depth: int) -> object:
    if isinstance(value, Mapping):
        return _named(value, depth)
    return [_value(one, depth) for one in value]


def _text(text: str) -> str:
    """Mask, and write a lone surrogate as an escape: a log line is no place to fail."""
    masked = mask(text)
    return masked if masked.isascii() else masked.encode("utf-8", "backslashreplace").decode()
