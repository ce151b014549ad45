"""The archive, the relay's turn and the outbox."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from libs.store.memory.playing import plays, rows_of
from libs.store.memory.schema import Row
from libs.store.memory.transaction import ADVISORY, Transaction
from libs.store.memory.values import TYPES

_UUID = TYPES["uuid"]


@plays("file_deliveries")
async def file_deliveries(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = (
        "id", "received_at", "source", "provider", "origin", "authority", "content_type",
        "headers", "route_event", "traceparent", "body", "replay_of",
    )  # fmt: skip
    for values in rows_of(columns):
        told: Row = dict(zip(names, values, strict=True))
        await tx.insert("deliveries", told | {"sha256": hashlib.sha256(told["body"]).digest()})
    return []


@plays("delivery_by_id")
async def delivery_by_id(tx: Transaction, number: str) -> list[Row]:
    return [row for row in tx.rows("deliveries") if row["id"] == _UUID(number)]


@plays("lock_partitions")
async def lock_partitions(tx: Transaction, number: int) -> list[Row]:
    await tx.lock(ADVISORY, (number,))
    return []


@plays("keep_retention_away")
async def keep_retention_away(tx: Transaction, number: int) -> list[Row]:
    return [{"away": tx.try_share(ADVISORY, (number,))}]


@plays("days_with_partition")
async def days_with_partition(tx: Transaction, table: str) -> list[Row]:
    return [{"day": day} for name, day in tx.database.partitions if name == table]


@plays("make_partition")
async def make_partition(tx: Transaction, table: str, day: date) -> list[Row]:
    tx.database.partitions.add((table, f"{day:%Y%m%d}"))
    return []


@plays("events_wait")
async def events_wait(tx: Transaction) -> list[Row]:
    return [{"exists": any(True for _ in tx.rows("outbox"))}]


@plays("take_relay")
async def take_relay(tx: Transaction, number: int) -> list[Row]:
    tx.has_relay = tx.try_lock(ADVISORY, (number,))
    return []


@plays("next_events")
async def next_events(tx: Transaction, limit: int) -> list[Row]:
    return [row | {"traceparent": None} for row in await next_traced_events(tx, limit)]


@plays("outbox_standing")
async def outbox_standing(tx: Transaction, most: int) -> list[Row]:
    rows = list(tx.rows("outbox"))
    head = min(rows, key=lambda row: row["id"], default=None)
    if head is None:
        return [{"waiting": 0, "head": None, "age": 0}]
    age = max(tx.now - head["created_at"], timedelta(0)) // timedelta(seconds=1)
    return [{"waiting": min(len(rows), most), "head": head["id"], "age": age}]


@plays("next_traced_events")
async def next_traced_events(tx: Transaction, limit: int) -> list[Row]:
    names = ("id", "object_id", "sequence", "routing_key", "body", "traceparent")
    rows = sorted(tx.rows("outbox"), key=lambda row: row["id"])[:limit] if tx.has_relay else []
    found = [{"mine": tx.has_relay} | {name: row[name] for name in names} for row in rows]
    return found or [{"mine": tx.has_relay} | dict.fromkeys(names)]


@plays("forget_events")
async def forget_events(tx: Transaction, numbers: Sequence[int]) -> list[Row]:
    for number in numbers:
        row = tx.by_id("outbox", number)
        if row is not None:
            await tx.delete("outbox", row)
    return []
