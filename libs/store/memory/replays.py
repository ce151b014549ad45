"""What replays read and write: outcomes on record, and parked rows that are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from libs.store.memory.playing import plays, rows_of
from libs.store.memory.schema import Row
from libs.store.memory.transaction import Transaction
from libs.store.memory.values import TYPES

_UUID = TYPES["uuid"]
_LOCKED = (
    "id", "delivery_id", "ordinal", "origin", "reason", "field", "value", "reading", "parked_at",
    "replays",
)  # fmt: skip
_AGAIN = (
    "delivery_id", "ordinal", "source", "provider", "origin", "reason", "field", "value", "detail",
    "received_at", "body", "reading", "parked_at", "attempts", "replays",
)  # fmt: skip


@plays("lock_parked")
async def lock_parked(tx: Transaction, numbers: Sequence[str]) -> list[Row]:
    wanted = {_UUID(number) for number in numbers}
    keys = sorted(
        (row["delivery_id"], row["ordinal"])
        for row in tx.rows("parked")
        if row["delivery_id"] in wanted
    )
    locked = [await tx.lock("parked", key) for key in keys]
    return [{name: row[name] for name in _LOCKED} for row in locked if row is not None]


@plays("park_again")
async def park_again(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    for values in rows_of(columns):
        told: Row = dict(zip(_AGAIN, values, strict=True)) | {"replayed_at": tx.now}
        if told["parked_at"] is None:
            told["parked_at"] = tx.now
        await tx.insert("parked", told)
    return []
