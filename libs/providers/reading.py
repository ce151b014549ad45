"""Bytes of strangers into Python values: strict where leniency would guess.

JSON: UTF-8 (a byte order mark is tolerated); numbers exactly (`int`, `Decimal`, never `float`);
refused are duplicate keys, NaN and Infinity, nesting deeper than 32, numbers longer than 40
characters, more than 10,000 values, NUL characters and lone surrogates. How many values there may be
at most is counted before anything is parsed; nesting ends the parser at Python's own limit (1000), long
before it costs anything, and what is left of it is measured afterwards.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn
from urllib.parse import unquote

DEPTH_LIMIT: Final = 32
NUMBER_LIMIT: Final = 40
VALUE_LIMIT: Final = 10_000  # commas and opening brackets in the text, those in strings as well
FORM_LIMIT: Final = 2_000
_STARTS: Final = ("{", "[")
_BRACKETS: Final = (("%5B", "["), ("%5D", "]"), ("%5b", "["), ("%5d", "]"))
# Escapes that may stand for NUL or for half of a pair; accents, which many senders escape, need no second look (-4 µs).
_ODD_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]


class NotReadableError(ValueError):
    """The bytes are no body of the kind asked for; the message says why and quotes nothing."""


def decode(raw: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark; `NotReadableError` for anything else."""
    try:
        return raw.removeprefix(_BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        raise NotReadableError(f"not UTF-8 at byte {error.start}") from None


def read_json(raw: bytes | str) -> Json:
    """Parse one JSON document, or raise `NotReadableError`."""
    text = raw if isinstance(raw, str) else decode(raw)
    if len(text) > VALUE_LIMIT and _marks(text) > VALUE_LIMIT:
        raise NotReadableError(f"more than {VALUE_LIMIT} values")
    try:
        value = _parsed(text)
    except NotReadableError:
        raise
    except RecursionError:
        raise NotReadableError(f"nested deeper than {DEPTH_LIMIT}") from None
    except json.JSONDecodeError as error:
        raise NotReadableError(f"not JSON: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        raise NotReadableError(f"not JSON: {error}") from None
    if text.count("{") + text.count("[") > DEPTH_LIMIT:
        _check_depth(value)
    if "\0" in text or ("\\u" in text and _ODD_ESCAPE.search(text) is not None):
        _check_strings(value)
    return value


def read_object(raw: bytes | str) -> dict[str, Json]:
    """Parse one JSON object, or raise `NotReadableError`."""
    value = read_json(raw)
    if not isinstance(value, dict):
        raise NotReadableError("JSON, but not an object")
    return value


def read_form(raw: bytes) -> dict[str, str]:
    """Parse `application/x-www-form-urlencoded` with distinct keys, or raise `NotReadableError`."""
    text = decode(raw)
    try:
        pairs = _pairs(text)
    except ValueError:
        raise NotReadableError("not a form") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise NotReadableError("a form key stands twice")
    if any("\0" in key or "\0" in value for key, value in pairs):
        raise NotReadableError("a NUL character")
    return form


def _pairs(text: str) -> list[tuple[str, str]]:
    """Take a form apart as strict `parse_qsl` does, which takes twice as long (-5 to -80 µs).

    Most of the escapes of a nested form stand for brackets. Those are put in first and at once: no
    other step takes them to mean anything, and none of the two can be the end of an escape.
    """
    for escape, bracket in _BRACKETS:
        text = text.replace(escape, bracket)
    fields = text.split("&") if text else []
    if len(fields) > FORM_LIMIT:
        raise ValueError("too many fields")
    pairs = []
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals:
            raise ValueError("a field without a value")
        pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def _unquoted(text: str) -> str:
    text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


def media_type(content_type: str) -> str:
    """`application/json; charset=utf-8` → `application/json`."""
    return content_type.partition(";")[0].strip().lower()


def _marks(text: str) -> int:
    """Count what every value but the first has before it; 1 ms for a megabyte."""
    return text.count(",") + text.count("[") + text.count("{")


def _parsed(text: str) -> Json:
    """Parse; a text without white space around it needs no search for any, which saves 0.8 µs."""
    value: Json
    if text.startswith(_STARTS):
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    value = _DECODER.decode(text)
    return value


def _distinct(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotReadableError("a key stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > NUMBER_LIMIT:
        raise NotReadableError(f"a number longer than {NUMBER_LIMIT} characters")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > NUMBER_LIMIT:
        raise NotReadableError(f"a number longer than {NUMBER_LIMIT} characters")
    try:
        return Decimal(text)
    except InvalidOperation:  # 1e9999999999999999999
        raise NotReadableError("a number with too large an exponent") from None


def _constant(text: str) -> NoReturn:
    raise NotReadableError(f"{text} is not a number of JSON")


_DECODER: Final = json.JSONDecoder(
    parse_int=_integer,
    parse_float=_decimal,
    parse_constant=_constant,
    object_pairs_hook=_distinct,
)


def _check_depth(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(DEPTH_LIMIT + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise NotReadableError(f"nested deeper than {DEPTH_LIMIT}")


def _children(node: Json) -> list[Json]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _check_strings(value: Json) -> None:
    stack: list[Json] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            _check_text(node)
        elif isinstance(node, dict):
            for key, child in node.items():
                _check_text(key)
                stack.append(child)
        elif isinstance(node, list):
            stack.extend(node)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise NotReadableError("a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NotReadableError("a lone surrogate") from None
