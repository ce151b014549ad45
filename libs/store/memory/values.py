"""What a column of each type takes, and with what error it refuses the rest, as Postgres does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import asyncpg

_INTEGER: Final = 2**31
_BIGINT: Final = 2**63
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise asyncpg.DataError("not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise asyncpg.DataError("half a character") from None
    if "\x00" in value:
        raise asyncpg.CharacterNotInRepertoireError("a NUL in a text")
    return value


def _uuid(value: object) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(_text(value))
    except ValueError:
        raise asyncpg.DataError("not a UUID") from None


def _time(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise asyncpg.DataError("not a moment")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise asyncpg.DataError("not a moment of our calendar") from None


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise asyncpg.DataError("no bytes")
    return value


def _json(value: object) -> str:
    text = _text(value)
    try:
        _check_json(json.loads(text))
    except ValueError:
        raise asyncpg.InvalidTextRepresentationError("no JSON") from None
    return text


def _check_json(value: object) -> None:
    if isinstance(value, str):
        _text(value)
    elif isinstance(value, dict):
        for name, each in value.items():
            _text(name)
            _check_json(each)
    elif isinstance(value, list):
        for each in value:
            _check_json(each)


def _whole(limit: int) -> Callable[[object], int]:
    def taken(value: object) -> int:
        if not isinstance(value, int) or not -limit <= value < limit:
            raise asyncpg.DataError("no whole number that fits")
        return value

    return taken


def _numeric(value: object) -> Decimal:
    if isinstance(value, int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or value.is_snan():
        raise asyncpg.DataError("no number")
    return value


def _double(value: object) -> float:
    if not isinstance(value, float):
        raise asyncpg.DataError("no number")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise asyncpg.DataError("neither true nor false")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise asyncpg.DataError("no list of texts")
    return [_text(each) for each in value]


# As information_schema names the types.
TYPES: Final[Mapping[str, Callable[[object], Any]]] = MappingProxyType(
    {
        "text": _text,
        "uuid": _uuid,
        "timestamp with time zone": _time,
        "bytea": _bytes,
        "jsonb": _json,
        "integer": _whole(_INTEGER),
        "bigint": _whole(_BIGINT),
        "numeric": _numeric,
        "double precision": _double,
        "boolean": _boolean,
        "ARRAY": _texts,
    }
)


def told(value: object) -> object:
    """Give a value back as asyncpg does: the last moment of the calendar is a naive infinity."""
    return (
        value.replace(tzinfo=None) if value == _FOREVER and isinstance(value, datetime) else value
    )


_ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_READ: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {
        "text": str,
        "uuid": str,
        "timestamptz": datetime.fromisoformat,
        "numeric": Decimal,
        "integer": int,
        "bigint": int,
        "boolean": {"true": True, "false": False}.__getitem__,
    }
)


def read_array(literal: str, of: str) -> list[object]:
    """Read the text of an array."""
    read = _READ[of]
    return [
        None if bare == "null" else read(bare or re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        for quoted, bare in _ELEMENT.findall(literal)
    ]
