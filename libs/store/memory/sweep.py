"""The sweep's statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from libs.store.memory.playing import plays, rows_of
from libs.store.memory.schema import Row
from libs.store.memory.transaction import ADVISORY, Transaction
from libs.store.memory.values import TYPES

_UUID: Final = TYPES["uuid"]
_MARK: Final = "deliveries"
_AGAIN: Final = timedelta(minutes=5)


@plays("take_sweep")
async def take_sweep(tx: Transaction, number: int) -> list[Row]:
    return [{"pg_try_advisory_xact_lock": tx.try_lock(ADVISORY, (number,))}]


@plays("never_translated")
async def never_translated(
    tx: Transaction, after: float, limit: int, look_back: float
) -> list[Row]:
    mark = tx.read("sweep_mark", (_MARK,))
    until = tx.now - timedelta(seconds=after)
    found = [
        row
        for row in tx.rows("deliveries")
        if row["archived_at"] < until
        and (mark is None or row["archived_at"] > mark["until"] - timedelta(seconds=look_back))
        and tx.read("translations", (row["id"], row["received_at"])) is None
        and tx.read("swept", (row["id"], row["received_at"])) is None
    ]
    return sorted(found, key=lambda row: (row["archived_at"], row["id"]))[:limit]


@plays("still_untranslated")
async def still_untranslated(tx: Transaction, limit: int) -> list[Row]:
    due = [
        row for row in tx.rows("swept") if row["swept_at"] < tx.now - min(row["times"], 12) * _AGAIN
    ]
    due.sort(key=lambda row: (row["swept_at"], row["delivery_id"]))
    found = [tx.read("deliveries", (row["delivery_id"], row["received_at"])) for row in due]
    return [row for row in found if row is not None][:limit]


@plays("forget_translated")
async def forget_translated(tx: Transaction) -> list[Row]:
    for row in list(tx.rows("swept")):
        if tx.read("translations", (row["delivery_id"], row["received_at"])) is not None:
            await tx.delete("swept", row)
    return []


@plays("note_swept")
async def note_swept(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    for number, at in rows_of(columns):
        swept: Row = {"delivery_id": number, "received_at": at}
        if await tx.insert("swept", swept) is None:
            continue
        known = await tx.lock("swept", (_UUID(number), at))
        if known is not None:
            tx.update("swept", known, {"times": known["times"] + 1, "swept_at": tx.now})
    return []


@plays("move_sweep_mark")
async def move_sweep_mark(tx: Transaction, after: float) -> list[Row]:
    mark: Row = {"of": _MARK, "until": tx.now - timedelta(seconds=after)}
    if await tx.insert("sweep_mark", mark) is not None:
        known = await tx.lock("sweep_mark", (_MARK,))
        if known is not None and known["until"] < mark["until"]:
            tx.update("sweep_mark", known, mark)
    return []
