"""The statements that count arrivals, and keep what is usual and who was not let in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from libs.arrivals.week import span_of
from libs.store.memory.playing import plays, rows_of
from libs.store.memory.schema import SCHEMA, Row
from libs.store.memory.transaction import ADVISORY, Transaction
from libs.store.memory.values import TYPES

_UUID: Final = TYPES["uuid"]
_SLOT: Final = ("source", "hour", "weeks", "heard", "low", "median")


@plays("take_arrivals")
async def take_arrivals(tx: Transaction, number: int) -> list[Row]:
    return [{"taken": tx.try_lock(ADVISORY, (number,))}]


@plays("arrivals_clock")
async def arrivals_clock(tx: Transaction, seconds: int) -> list[Row]:
    marks = {name: tx.read("arrival_marks", (name,)) for name in ("counted", "learnt")}
    told = {name: None if mark is None else mark["until"] for name, mark in marks.items()}
    return [told | {"settled": tx.now - timedelta(seconds=seconds), "now": tx.now}]


@plays("move_arrivals_mark")
async def move_arrivals_mark(tx: Transaction, of: str, until: datetime) -> list[Row]:
    await _put(tx, "arrival_marks", {"of": of, "until": until})
    return []


@plays("count_arrivals")
async def count_arrivals(tx: Transaction, begin: datetime, until: datetime) -> list[Row]:
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in list(tx.rows("deliveries")):
        if row["origin"] != "webhook" or not begin <= row["archived_at"] < until:
            continue
        at = row["received_at"]
        if begin - timedelta(days=14) <= at < until + timedelta(days=1):
            counts[row["source"], span_of(at), span_of(row["archived_at"])] += 1
            await _hear(tx, row["source"], row["provider"], at)
    for (source, arrived, filed), count in counts.items():
        row = {"source": source, "arrived": arrived, "filed": filed, "deliveries": count}
        await _put(tx, "arrivals", row)
    return []


async def _hear(tx: Transaction, source: str, provider: str, at: datetime) -> None:
    new: Row = {"source": source, "provider": provider, "first_at": at, "last_at": at}
    if await tx.insert("arrival_sources", new) is None:
        return
    known = await tx.lock("arrival_sources", (source,))
    if known is not None:
        first, last = min(known["first_at"], at), max(known["last_at"], at)
        tx.update("arrival_sources", known, {"first_at": first, "last_at": last})


@plays("arrivals_of")
async def arrivals_of(tx: Transaction, source: str, begin: datetime, until: datetime) -> list[Row]:
    return [
        {"arrived": row["arrived"], "deliveries": row["deliveries"]}
        for row in tx.rows("arrivals")
        if row["source"] == source and begin <= row["arrived"] < until
    ]


@plays("learn_usual")
async def learn_usual(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    for values in rows_of(columns):
        await _put(tx, "arrival_usual", dict(zip(_SLOT, values, strict=True)))
    return []


@plays("learn_gap")
async def learn_gap(tx: Transaction, source: str, weeks: int, gap: float) -> list[Row]:
    known = await tx.lock("arrival_sources", (source,))
    if known is not None:
        tx.update("arrival_sources", known, {"weeks": weeks, "gap": gap})
    return []


@plays("usual_arrivals")
async def usual_arrivals(tx: Transaction) -> list[Row]:
    return [{name: row[name] for name in _SLOT} for row in tx.rows("arrival_usual")]


@plays("arrival_sources")
async def arrival_sources(tx: Transaction, begin: datetime, until: datetime) -> list[Row]:
    recent: dict[str, int] = defaultdict(int)
    for row in tx.rows("arrivals"):
        if begin <= row["arrived"] < until:
            recent[row["source"]] += row["deliveries"]
    rows = sorted(tx.rows("arrival_sources"), key=lambda row: row["source"])
    return [row | {"recent": recent[row["source"]]} for row in rows]


@plays("forget_arrivals")
async def forget_arrivals(tx: Transaction, begin: datetime) -> list[Row]:
    return await _forget(tx, "arrivals", "arrived", begin)


@plays("forget_not_let_in")
async def forget_not_let_in(tx: Transaction, begin: datetime) -> list[Row]:
    return await _forget(tx, "not_let_in", "at", begin)


@plays("forget_notices")
async def forget_notices(tx: Transaction, begin: datetime) -> list[Row]:
    return await _forget(tx, "notices", "noted_at", begin)


@plays("add_not_let_in")
async def add_not_let_in(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    told = rows_of(columns)
    fresh = {
        number
        for number in sorted({row[0] for row in told})
        if await tx.insert("notices", {"id": number}) is None
    }
    for number, at, source, kind, requests in told:
        if number not in fresh:
            continue
        row: Row = {"source": source, "at": at, "kind": kind, "requests": requests}
        if await tx.insert("not_let_in", row) is None:
            continue
        known = await tx.lock("not_let_in", (source, at, kind))
        if known is not None:
            tx.update("not_let_in", known, {"requests": known["requests"] + requests})
    return []


@plays("add_lost")
async def add_lost(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = SCHEMA["lost_and_found"].columns
    for values in rows_of(columns):
        await tx.insert("lost_and_found", dict(zip(names, values, strict=True)))
    return []


@plays("forget_lost")
async def forget_lost(tx: Transaction, source: str, kept: int) -> list[Row]:
    for row in _latest_first(tx, source)[kept:]:
        await tx.delete("lost_and_found", row)
    return []


@plays("lost_and_found")
async def lost_and_found(tx: Transaction, source: str | None) -> list[Row]:
    return _latest_first(tx, source)


def _latest_first(tx: Transaction, source: str | None) -> list[Row]:
    rows = [row for row in tx.rows("lost_and_found") if source in {None, row["source"]}]
    rows.sort(key=lambda row: (row["notice"], row["number"]))
    return sorted(rows, key=lambda row: row["at"], reverse=True)


async def _put(tx: Transaction, table: str, row: Row) -> None:
    """Insert, or set the row that stands there."""
    stands = await tx.insert(table, row)
    if stands is not None and await tx.lock(table, SCHEMA[table].key_of(stands)) is not None:
        tx.update(table, stands, row)


async def _forget(tx: Transaction, table: str, column: str, begin: datetime) -> list[Row]:
    for row in list(tx.rows(table)):
        if row[column] < begin:
            await tx.delete(table, row)
    return []
