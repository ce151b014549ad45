"""Reading what is stored, for operators and tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from libs.store.memory.playing import plays
from libs.store.memory.schema import Row
from libs.store.memory.transaction import Transaction
from libs.store.memory.values import TYPES

_UUID = TYPES["uuid"]
_COUNTED = (
    "deliveries",
    "translations",
    "objects",
    "observations",
    "repeats",
    "parked",
    "pokes",
    "outbox",
)
_FOUND_AT_MOST = 50


def _where(rows: Iterable[Row], **wanted: str | None) -> list[Row]:
    """Filter by equality; None filters nothing."""
    return [
        row
        for row in rows
        if all(value is None or row[name] == value for name, value in wanted.items())
    ]


@plays("list_objects")
async def list_objects(  # noqa: PLR0913, PLR0917 - the arguments of the query
    tx: Transaction,
    source: str | None,
    kind: str | None,
    state: str | None,
    provider: str | None,
    limit: int | None,
) -> list[Row]:
    found = _where(tx.rows("objects"), source=source, kind=kind, state=state, provider=provider)
    return sorted(found, key=lambda row: row["id"])[:limit]


@plays("find_objects")
async def find_objects(
    tx: Transaction, ref: str, source: str | None, kind: str | None
) -> list[Row]:
    named = {row["object_id"] for row in tx.rows("object_aliases") if row["alias"] == ref}
    found = [
        row
        for row in _where(tx.rows("objects"), source=source, kind=kind)
        if ref in {row["provider_ref"], row["merchant_ref"]} or row["id"] in named
    ]
    return sorted(found, key=lambda row: (row["provider_ref"] != ref, row["id"]))[:_FOUND_AT_MOST]


@plays("object_observations")
async def object_observations(tx: Transaction, number: int) -> list[Row]:
    found = [row for row in tx.rows("observations") if row["object_id"] == number]
    return sorted(found, key=lambda row: (row["received_at"], row["key"]))


@plays("object_repeats")
async def object_repeats(tx: Transaction, number: int) -> list[Row]:
    names = ("key", "delivery_id", "received_at")
    found = [row for row in tx.rows("repeats") if row["object_id"] == number]
    return [
        {name: row[name] for name in names}
        for row in sorted(found, key=lambda row: row["received_at"])
    ]


_READING = (
    "id",
    "delivery_id",
    "ordinal",
    "source",
    "provider",
    "origin",
    "reason",
    "field",
    "value",
    "detail",
    "received_at",
    "parked_at",
    "attempts",
    "replays",
    "replayed_at",
    "discarded_at",
    "discard_reason",
)


@plays("list_parked")
async def list_parked(  # noqa: PLR0913, PLR0917 - the arguments of the query
    tx: Transaction,
    source: str | None,
    provider: str | None,
    reason: str | None,
    discarded: bool,  # noqa: FBT001 - the same
    limit: int | None,
) -> list[Row]:
    found = [
        row
        for row in _where(tx.rows("parked"), source=source, provider=provider, reason=reason)
        if (row["discarded_at"] is not None) is discarded
    ]
    rows = sorted(found, key=lambda row: (row["parked_at"], row["id"]))[:limit]
    return [{name: row[name] for name in _READING} for row in rows]


@plays("parked_of_delivery")
async def parked_of_delivery(tx: Transaction, delivery_id: str) -> list[Row]:
    found = [row for row in tx.rows("parked") if row["delivery_id"] == _UUID(delivery_id)]
    rows = sorted(found, key=lambda row: row["ordinal"])
    return [{name: row[name] for name in (*_READING, "body")} for row in rows]


@plays("pokes_of")
async def pokes_of(tx: Transaction, ref: str, source: str | None) -> list[Row]:
    return _where(tx.rows("pokes"), provider_ref=ref, source=source)


@plays("parked_by_reason")
async def parked_by_reason(tx: Transaction) -> list[Row]:
    counts = Counter(row["reason"] for row in tx.rows("parked") if row["discarded_at"] is None)
    return [{"reason": reason, "count": count} for reason, count in counts.items()]


@plays("counts")
async def counts(tx: Transaction) -> list[Row]:
    return [{name: sum(1 for _ in tx.rows(name)) for name in _COUNTED}]
