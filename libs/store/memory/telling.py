"""The statements of what is to be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from libs.store.memory.playing import plays
from libs.store.memory.schema import Row
from libs.store.memory.transaction import ADVISORY, Transaction
from libs.store.memory.values import TYPES


@plays("take_telling")
async def take_telling(tx: Transaction, number: int) -> list[Row]:
    return [{"pg_try_advisory_xact_lock": tx.try_lock(ADVISORY, (number,))}]


@plays("to_be_told")
async def to_be_told(tx: Transaction, most: int, but: Sequence[Any]) -> list[Row]:
    left_out = {TYPES["uuid"](number) for number in but}
    due = [row for row in _due(tx) if row["delivery_id"] not in left_out]
    return sorted(due, key=lambda row: (row["received_at"], row["delivery_id"]))[:most]


@plays("told")
async def told(tx: Transaction, ids: Sequence[Any]) -> list[Row]:
    for number in ids:
        row = await tx.lock("to_be_told", (TYPES["uuid"](number),))
        if row is not None:
            await tx.delete("to_be_told", row)
    return []


@plays("count_to_be_told")
async def count_to_be_told(tx: Transaction) -> list[Row]:
    return [{"count": len(_due(tx))}]


def _due(tx: Transaction) -> list[Row]:
    return [
        row
        for row in tx.rows("to_be_told")
        if row["tell_after"] is None or row["tell_after"] <= tx.now
    ]
