"""The tables as data: columns with their types, the key, the checks. A test compares it with the real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import asyncpg

from libs.arrivals.usual import Usual
from libs.domain.lifecycle import Authority, Flag, Kind, states_of
from libs.store.memory.values import TYPES

Row = dict[str, Any]
Key = tuple[Any, ...]
Check = Callable[[Row], bool]

NOW: Final = object()
"""The default `now()`."""

_NO_GAP: Final = Usual().gap
_KEY_BYTES: Final = 2704  # of a B-tree's entry; Postgres compresses, so that some longer ones fit

T, U, Z, B, J = "text", "uuid", "timestamp with time zone", "bytea", "jsonb"
I4, I8, N, D = "integer", "bigint", "numeric", "double precision"


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `key` is its natural key, unique; `identity` a column that counts up by itself."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    checks: Mapping[str, Check] = field(default_factory=lambda: MappingProxyType({}))
    identity: str | None = None

    def key_of(self, row: Row) -> Key:
        """Return the natural key of a row."""
        key = tuple(row[name] for name in self.key)
        if sum(len(part.encode()) for part in key if isinstance(part, str)) > _KEY_BYTES:
            raise asyncpg.ProgramLimitExceededError("an entry of the index is too large")
        return key

    def taken(self, values: Mapping[str, object]) -> Row:
        """Return values as the columns take them; asyncpg's error where one does not."""
        return {
            name: None if value is None else TYPES[self.columns[name]](value)
            for name, value in values.items()
        }

    def new(self, values: Mapping[str, object], now: datetime, number: int) -> Row:
        """Make a whole row: the values, the defaults, nulls."""
        row = dict.fromkeys(self.columns)
        row |= {n: now if v is NOW else v for n, v in self.defaults.items()}
        row |= self.taken(values)
        if self.identity and self.identity not in values:
            row[self.identity] = number
        self.check(row)
        return row

    def check(self, row: Row) -> None:
        """Refuse nulls and what a CHECK does not allow."""
        for name in self.columns:
            if row[name] is None and name not in self.optional:
                raise asyncpg.NotNullViolationError(f"{self.name}.{name} is null")
        for name, allows in self.checks.items():
            if not allows(row):
                raise asyncpg.CheckViolationError(f"the check {name} of {self.name}")


def _known_state(row: Row) -> bool:
    if row["kind"] not in set(Kind):
        return False
    return row["state"] is None or row["state"] in {s.value for s in states_of(Kind(row["kind"]))}


def _at_least(name: str, least: int) -> Check:
    return lambda row: row[name] is None or row[name] >= least


OBJECTS: Final = Table(
    "objects",
    ("source", "kind", "provider_ref"),
    {
        "id": I8, "source": T, "kind": T, "provider_ref": T, "provider": T, "merchant_ref": T,
        "state": T, "previous_state": T, "provider_status": T, "amount": N, "currency": T,
        "refunded_amount": N, "fees": N, "net": N, "flags": "ARRAY", "livemode": "boolean",
        "occurred_at": Z, "received_at": Z, "authority": T, "delivery_id": U, "method": T,
        "failure_reason": T, "expires_at": Z, "sequence": I4, "attempts": I4, "settlement_step": T,
        "decided_by": T, "held": "boolean", "created_at": Z, "updated_at": Z,
    },
    optional=frozenset({
        "merchant_ref", "state", "previous_state", "provider_status", "amount", "currency",
        "refunded_amount", "fees", "net", "occurred_at", "received_at", "authority",
        "delivery_id", "method", "failure_reason", "expires_at", "settlement_step", "decided_by",
    }),
    defaults={"flags": [], "livemode": True, "sequence": 0, "attempts": 0, "held": False,
              "created_at": NOW, "updated_at": NOW},
    checks={
        "objects_state_of_kind": _known_state,
        "objects_known_flags": lambda row: set(row["flags"]) <= set(Flag),
        "objects_known_authority": lambda row: row["authority"] in {None, *Authority},
        "objects_told_before_published": lambda row: (
            not row["sequence"] or row["state"] is not None or row["held"]
        ),
        "objects_amount_check": _at_least("amount", 0),
        "objects_refunded_amount_check": _at_least("refunded_amount", 0),
        "objects_sequence_check": _at_least("sequence", 0),
        "objects_attempts_check": _at_least("attempts", 0),
    },
    identity="id",
)  # fmt: skip

TABLES: Final = (
    Table(
        "deliveries",
        ("id", "received_at"),
        {
            "id": U, "received_at": Z, "source": T, "provider": T, "origin": T, "authority": T,
            "content_type": T, "headers": J, "route_event": T, "traceparent": T, "sha256": B,
            "body": B, "replay_of": U, "archived_at": Z,
        },
        optional=frozenset({"route_event", "traceparent", "replay_of"}),
        defaults={"archived_at": NOW},
    ),
    Table(
        "translations",
        ("delivery_id", "received_at"),
        {"delivery_id": U, "received_at": Z, "source": T, "outcome": T, "duplicate_of": U},
        optional=frozenset({"duplicate_of"}),
        checks={
            "translations_outcome_check": lambda row: row["outcome"]
            in {"observed", "poked", "ignored", "parked"}
        },
    ),
    Table(
        "dedupe_ledger",
        ("name",),
        {"name": B, "first_delivery_id": U, "first_received_at": Z},
    ),
    OBJECTS,
    Table("object_aliases", ("alias", "object_id"), {"alias": T, "object_id": I8}),
    Table(
        "observations",
        ("object_id", "key"),
        {"object_id": I8, "key": T, "received_at": Z, "delivery_id": U, "content": J},
    ),
    Table(
        "repeats",
        ("object_id", "key", "delivery_id"),
        {"object_id": I8, "key": T, "delivery_id": U, "received_at": Z},
    ),
    Table(
        "parked",
        ("delivery_id", "ordinal"),
        {
            "id": I8, "delivery_id": U, "ordinal": I4, "source": T, "provider": T, "origin": T,
            "reason": T, "field": T, "value": T, "detail": T, "received_at": Z, "parked_at": Z,
            "body": B, "reading": J, "attempts": I4, "replays": I4, "replayed_at": Z,
            "discarded_at": Z, "discard_reason": T,
        },
        optional=frozenset({
            "field", "value", "body", "reading", "replayed_at", "discarded_at", "discard_reason",
        }),
        defaults={"parked_at": NOW, "attempts": 1, "replays": 0},
        checks={
            "parked_attempts_check": _at_least("attempts", 1),
            "parked_replays_check": _at_least("replays", 0),
            "parked_discarded_with_reason": lambda row: (row["discarded_at"] is None)
            == (row["discard_reason"] is None),
        },
        identity="id",
    ),
    Table(
        "pokes",
        ("source", "kind", "provider_ref"),
        {
            "source": T, "kind": T, "provider_ref": T, "provider": T, "why": T, "first_at": Z,
            "last_at": Z,
        },
    ),
    Table(
        "outbox",
        ("object_id", "sequence"),
        {
            "id": I8, "object_id": I8, "sequence": I4, "routing_key": T, "body": B, "created_at": Z,
            "traceparent": T,
        },
        defaults={"created_at": NOW},
        identity="id",
        optional=frozenset({"traceparent"}),
    ),
    Table("crowded", ("object_id",), {"object_id": I8, "since": Z}, defaults={"since": NOW}),
    Table("sweep_mark", ("of",), {"of": T, "until": Z}),
    Table(
        "swept",
        ("delivery_id", "received_at"),
        {"delivery_id": U, "received_at": Z, "times": I4, "swept_at": Z},
        defaults={"times": 1, "swept_at": NOW},
    ),
    Table(
        "arrivals",
        ("source", "arrived", "filed"),
        {"source": T, "arrived": Z, "filed": Z, "deliveries": I4},
        checks={"arrivals_deliveries_check": _at_least("deliveries", 1)},
    ),
    Table(
        "arrival_sources",
        ("source",),
        {"source": T, "provider": T, "first_at": Z, "last_at": Z, "weeks": I4, "gap": D},
        defaults={"weeks": 0, "gap": _NO_GAP},
    ),
    Table(
        "arrival_usual",
        ("source", "hour"),
        {"source": T, "hour": I4, "weeks": I4, "heard": I4, "low": I4, "median": I4},
        checks={"arrival_usual_hour_check": lambda row: row["hour"] in range(168)},
    ),
    Table("arrival_marks", ("of",), {"of": T, "until": Z}),
    Table(
        "not_let_in",
        ("source", "at", "kind"),
        {"source": T, "at": Z, "kind": T, "requests": I8},
        checks={"not_let_in_requests_check": _at_least("requests", 1)},
    ),
    Table(
        "to_be_told",
        ("delivery_id",),
        {
            "delivery_id": U, "source": T, "provider": T, "origin": T, "authority": T,
            "route_event": T, "body": B, "received_at": Z, "tell_after": Z,
        },
        optional=frozenset({"route_event", "tell_after"}),
    ),
    Table(
        "lost_and_found",
        ("notice", "number"),
        {
            "notice": U, "number": I4, "at": Z, "source": T, "failure": T, "rule": T, "why": T,
            "size": I8, "sha256": B, "headers": T,
        },
        optional=frozenset({"sha256"}),
        checks={
            "lost_and_found_size_check": _at_least("size", 0),
            "lost_and_found_sha256_check": lambda row: len(row["sha256"] or bytes(32)) == 32,
        },
    ),
    Table("notices", ("id",), {"id": U, "noted_at": Z}, defaults={"noted_at": NOW}),
)  # fmt: skip

SCHEMA: Final[Mapping[str, Table]] = MappingProxyType({table.name: table for table in TABLES})
