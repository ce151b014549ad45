"""`ingress.noticed` on the wire: what an ingress counted of those whom it did not let in.

Counts by source and kind, and of some what they looked like (`Lost`): the names of their headers, a size, a
hash and a reason, so that somebody sees a provider whose secret was rotated. No body, no
credential, no value that a stranger wrote. It may get lost, which is no harm. It may come twice; its
id tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.errors import ContractError, refused

CONTENT_TYPE: Final = "application/vnd.caudal.notice.v1"
VERSION: Final = 1
SHA256_BYTES: Final = 32


class AuthFailure(StrEnum):
    """Why a request was not let in.

    No credential, more than one, or another one than ours; a signed time or a certificate that is
    out of date; an address that is not on the list; no such source.
    """

    MISSING = "missing"
    REPEATED = "repeated"
    WRONG = "wrong"
    STALE = "stale"
    ADDRESS = "address"
    UNKNOWN_SOURCE = "unknown_source"


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """How many requests to a source were refused for one reason."""

    source: str
    kind: AuthFailure
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """One request that was not let in. `source` is "" where there is none of that name.

    `rule` is the kind of authentication that failed, `why` fixed words of ours. `size` is that of the
    body in bytes, as its sender told where it was not read (then there is no `sha256`, in hex).
    """

    source: str
    at: datetime
    failure: AuthFailure
    rule: str
    why: str
    size: int
    sha256: str | None
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """What was counted since the notice before, up to `at`. `id` is a UUID."""

    id: str
    at: datetime
    not_let_in: tuple[NotLetIn, ...]
    lost: tuple[Lost, ...] = ()


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
            "lost": [
                {
                    "source": one.source,
                    "at": one.at.astimezone(UTC),
                    "failure": one.failure.value,
                    "rule": one.rule,
                    "why": one.why,
                    "size": one.size,
                    "sha256": one.sha256,
                    "headers": list(one.headers),
                }
                for one in notice.lost
            ],
        }
    )


def decode(message: bytes) -> tuple[Notice, ...]:
    """Read a message, which holds one notice. Raises `ContractError`."""
    try:
        told = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise refused(message, (VERSION,), "not JSON") from None
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise refused(message, (VERSION,), f"not version {VERSION}")
    counted, lost = told.get("not_let_in"), told.get("lost", [])
    if not isinstance(counted, list) or not isinstance(lost, list):
        raise ContractError("not_let_in or lost is not a list")
    try:
        notice = Notice(
            id=str(UUID(told["id"])),
            at=datetime.fromisoformat(told["at"]),
            not_let_in=tuple(_not_let_in(one) for one in counted),
            lost=tuple(_lost(one) for one in lost),
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


def _lost(told: dict[str, Any]) -> Lost:
    at = datetime.fromisoformat(told["at"])
    size, headers, sha256 = told["size"], told["headers"], told["sha256"]
    texts = [told["source"], told["rule"], told["why"], *headers]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("text")
    if at.tzinfo is None or isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ValueError("at or size")
    if sha256 is not None and len(bytes.fromhex(sha256)) != SHA256_BYTES:
        raise ValueError("sha256")
    return Lost(
        source=told["source"],
        at=at,
        failure=AuthFailure(told["failure"]),
        rule=told["rule"],
        why=told["why"],
        size=size,
        sha256=sha256,
        headers=tuple(headers),
    )
