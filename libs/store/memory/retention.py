"""Retention where nothing is to go: whose turn it is, and how it stands."""

from __future__ import annotations

from libs.store.memory.playing import plays
from libs.store.memory.schema import Row
from libs.store.memory.transaction import ADVISORY, Transaction


@plays("take_retention")
async def take_retention(tx: Transaction, number: int) -> list[Row]:
    return [{"turn": tx.try_whole(ADVISORY, (number,))}]


@plays("due_days")
async def due_days(_tx: Transaction, older_than: int | None) -> list[Row]:
    if older_than is not None:
        raise NotImplementedError("no day goes from a database that has none")
    return []


@plays("move_retention_mark")
async def move_retention_mark(_tx: Transaction) -> list[Row]:
    return []


@plays("retention_status")
async def retention_status(tx: Transaction) -> list[Row]:
    nothing = {"waiting": 0, "days": 0, "deliveries": 0, "bytes": 0, "latest": None}
    return [{"now": tx.now, "done_at": None} | nothing]


@plays("archive_reach")
async def archive_reach(_tx: Transaction) -> list[Row]:
    return [{"oldest": None, "ahead": 0}]
