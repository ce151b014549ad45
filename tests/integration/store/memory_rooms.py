"""What the memory store holds, read with the few forms of SELECT that tests use on the real one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from libs.store.memory import MemoryPool
from libs.store.memory.row import Record
from libs.store.memory.schema import SCHEMA, Row

_SELECT = re.compile(
    r"select (?P<what>.+?) ?from (?P<table>\w+)"
    r"(?: where (?P<column>\w+) = '(?P<value>\w+)')?(?: order by (?P<order>\w+))?$"
)
_TOLD = (
    "source", "kind", "provider_ref", "provider", "merchant_ref", "state", "previous_state",
    "provider_status", "amount", "currency", "refunded_amount", "fees", "net", "flags",
    "livemode", "occurred_at", "received_at", "authority", "delivery_id", "method",
    "failure_reason", "expires_at", "sequence", "attempts", "settlement_step", "decided_by", "held",
)  # fmt: skip
_FOLDED = (
    "provider_ref", "kind", "state", "flags", "amount", "currency", "refunded_amount",
    "provider_status", "authority", "decided_by",
)  # fmt: skip
# Each table by its columns; "@" stands for the reference of the row's object.
_VIEWS = {
    "objects": ("objects", _TOLD),
    "observations": ("observations", ("@", "key", "received_at", "delivery_id", "content")),
    "repeats": ("repeats", ("@", "key", "delivery_id", "received_at")),
    "aliases": ("object_aliases", ("alias", "@")),
    "parked": (
        "parked",
        (
            "delivery_id", "ordinal", "source", "provider", "reason", "field", "value", "detail",
            "received_at", "body", "reading",
        ),
    ),
    "translations": (
        "translations", ("delivery_id", "received_at", "source", "outcome", "duplicate_of"),
    ),
    "ledger": ("dedupe_ledger", ("name", "first_delivery_id", "first_received_at")),
    "pokes": ("pokes", ("source", "kind", "provider_ref", "provider", "why", "first_at", "last_at")),
    "outbox": ("outbox", ("@", "sequence", "routing_key", "body")),
}  # fmt: skip


class UnreadableError(Exception):
    """A SELECT that is none of the few forms."""


def rows(pool: MemoryPool, table: str) -> list[Row]:
    """Return what is committed."""
    return list(pool.database.tables[table].values())


def view(pool: MemoryPool, name: str) -> list[tuple[object, ...]]:
    """Everything that a table says, in an order of its own."""
    table, columns = _VIEWS[name]
    refs = {row["id"]: row["provider_ref"] for row in rows(pool, "objects")}
    found = [
        tuple(refs[row["object_id"]] if name == "@" else row[name] for name in columns)
        for row in rows(pool, table)
    ]
    return sorted(found, key=lambda values: [(each is not None, str(each)) for each in values])


def fetch(pool: MemoryPool, statement: str, arguments: tuple[object, ...]) -> list[Any]:
    """Read as the real one would; `UnreadableError` for anything else."""
    for beginning, answer in _OTHERS.items():
        if statement.startswith(beginning):
            return [Record(row) for row in answer(pool, *arguments)]
    asked = _SELECT.fullmatch(statement)
    if asked is None:
        raise UnreadableError(statement)
    wanted = [
        row
        for row in rows(pool, asked["table"])
        if asked["column"] is None or row[asked["column"]] == asked["value"]
    ]
    if asked["order"]:
        wanted.sort(key=lambda row: row[asked["order"]])
    counted = re.fullmatch(r"(count|max)\((distinct )?(\w+|\*)\)", asked["what"])
    if counted:
        return [Record({counted[1]: _aggregate(wanted, *counted.groups())})]
    names = [name.strip() for name in asked["what"].split(",") if name]
    if names == ["*"]:
        names = list(SCHEMA[asked["table"]].columns)
    return [Record(dict(_cell(row, name) for name in names)) for row in wanted]


def _aggregate(found: list[Row], how: str, distinct: str | None, column: str) -> object:
    if how == "max":
        return max(row[column] for row in found)
    return len({row[column] for row in found}) if distinct else len(found)


def _cell(row: Row, name: str) -> tuple[str, object]:
    column, text, _ = name.partition("::text")
    return column, str(row[column]) if text else row[column]


def _sequences(pool: MemoryPool) -> Iterable[dict[str, Any]]:
    told: dict[int, list[int]] = defaultdict(list)
    for row in sorted(rows(pool, "outbox"), key=lambda row: row["id"]):
        told[row["object_id"]].append(row["sequence"])
    return [{"sequence": row["sequence"], "told": told[row["id"]]} for row in rows(pool, "objects")]


def _folded(pool: MemoryPool) -> Iterable[dict[str, Any]]:
    return [{name: row[name] for name in _FOLDED} for row in rows(pool, "objects")]


def _fact(pool: MemoryPool, name: object) -> Iterable[dict[str, Any]]:
    return [
        {"fact": json.loads(row["content"])["facts"][name]} for row in rows(pool, "observations")
    ]


# SELECTs that say more, by how they begin.
_OTHERS: dict[str, Callable[..., Iterable[dict[str, Any]]]] = {
    "select o.sequence, coalesce(array_agg(x.sequence order by x.id)": _sequences,
    "select provider_ref, kind, state, flags, amount, currency, refunded_amount,": _folded,
    "select content::jsonb -> 'facts' ->> $1 from observations": _fact,
}
