"""Conectados' bytes into an object. The published samples are garbled, so the encoding is open.

https://conectados.apidog.io/api-18604273
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from libs.domain.frozen import unguarded
from libs.providers.reading import Json, NotReadableError, decode, read_json

# What we read as text. A Latin-1 body may hold accents in `message`, never in these.
_USED_TEXTS: Final = (
    "event_type",
    "state",
    "transaction_id",
    "external_reference",
    "approval_sale_code",
    "otp_valid_until",
    "approval_code_valid_until",
)


class NotAnObjectError(NotReadableError):
    """JSON, but not an object."""


@unguarded
@dataclass(frozen=True, slots=True)
class Body:
    """The object, and the first used field whose text cannot be trusted, if there is one."""

    fields: Mapping[str, Json]
    doubtful: str | None


def read_body(raw: bytes) -> Body:
    """Read UTF-8, else Latin-1; raise `NotReadableError` for what is no JSON object."""
    try:
        text = decode(raw)
    except NotReadableError:
        fields = _object(raw.decode("latin-1"))
        doubtful = (name for name in _USED_TEXTS if _accented(fields.get(name)))
        return Body(fields, next(doubtful, None))
    return Body(_object(text), None)


def _object(text: str) -> dict[str, Json]:
    value = read_json(text)
    if not isinstance(value, dict):
        raise NotAnObjectError("JSON, but not an object")
    return value


def _accented(value: Json) -> bool:
    return isinstance(value, str) and not value.isascii()
