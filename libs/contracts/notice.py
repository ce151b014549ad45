"""`ingress.noticed` on the wire: what an ingress counted of those whom it did not let in.

Counts alone, by source and kind: no body, no credential, nothing that a stranger wrote. It may get
lost, and says so little that this is no harm. It may come twice; its id tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.errors import ContractError

CONTENT_TYPE: Final = "application/vnd.caudal.notice.v1"
VERSION: Final = 1


class AuthFailure(StrEnum):
    """Why a request proved nothing: no credential, more than one, or another one than ours."""

    MISSING = "missing"
    REPEATED = "repeated"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """How many requests to a source were refused for one reason."""

    source: str
    kind: AuthFailure
    requests: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What was counted since the notice before, up to `at`. `id` is a UUID."""

    id: str
    at: datetime
    not_let_in: tuple[NotLetIn, ...]


def encode(notice: Notice) -> bytes:
    """Write a notice as one message."""
    return orjson.dumps(
        {
            "version": VERSION,
            "id": notice.id,
            "at": notice.at.astimezone(UTC),
            "not_let_in": [
                {"source": one.source, "kind": one.kind.value, "requests": one.requests}
                for one in notice.not_let_in
            ],
        }
    )


def decode(message: bytes) -> tuple[Notice, ...]:
    """Read a message, which holds one notice. Raises `ContractError`."""
    try:
        told = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise ContractError("not JSON") from None
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise ContractError(f"not version {VERSION}")
    counted = told.get("not_let_in")
    if not isinstance(counted, list):
        raise ContractError("not_let_in is not a list")
    try:
        notice = Notice(
            id=str(UUID(told["id"])),
            at=datetime.fromisoformat(told["at"]),
            not_let_in=tuple(_not_let_in(one) for one in counted),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ContractError("a field is missing or is not what it should be") from None
    if notice.at.tzinfo is None:
        raise ContractError("at has no time zone")
    return (notice,)


def _not_let_in(told: dict[str, Any]) -> NotLetIn:
    source, requests = told["source"], told["requests"]
    if not isinstance(source, str) or not source.isprintable() or not source:
        raise ValueError("source")
    if not isinstance(requests, int) or isinstance(requests, bool) or not 0 < requests < 1 << 62:
        raise ValueError("requests")
    return NotLetIn(source, AuthFailure(told["kind"]), requests)
