"""Who is to be asked about: rows of `polls`, claimed for a while and noted when done.

No transaction here lasts longer than its statements, and nobody asks a provider inside of one. A
claim that is not noted runs out, and somebody else asks again, which is harmless.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import asyncpg

from libs.store.database import Connection, Pool, execute_rows, session, transaction
from libs.store.objects import ObjectKey, StoredObject, stored
from libs.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One row. The docstring of the migration that made the table says what its times are."""

    source: str
    kind: str
    provider_ref: str
    provider: str
    why: str
    note: str | None
    entered_at: datetime
    look_at: datetime
    due_at: datetime | None
    ask_at: datetime | None
    poked_at: datetime | None
    base_at: datetime | None
    seen_at: datetime | None
    tried_at: datetime | None
    asked_at: datetime | None
    asked: int
    failures: int
    outcome: str | None
    answer: bytes | None

    @property
    def key(self) -> ObjectKey:
        """What names the object, whether it is known or not."""
        return ObjectKey(self.source, self.kind, self.provider_ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The object of a row as it is now, as far as asking goes by it."""

    state: str | None
    flags: frozenset[str]
    method: str | None
    expires_at: datetime | None
    merchant_ref: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A row that is ours for a while; `object` is None where nobody knows it yet."""

    poll: Poll
    object: Seen | None
    object_id: int | None
    claimed_by: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at a row found, to be noted."""

    why: str
    look_at: datetime
    due_at: datetime | None
    ask_at: datetime | None
    base_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A row as it is listed, with its object's state."""

    poll: Poll
    state: str | None
    flags: tuple[str, ...]
    merchant_ref: str | None
    updated_at: datetime | None
    now: datetime


_POLL: Final = tuple(each.name for each in fields(Poll))


def _poll(row: asyncpg.Record) -> Poll:
    return Poll(**{name: row[name] for name in _POLL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An object that the walk comes by; `now` is what time it is for the database."""

    row: StoredObject
    created_at: datetime
    updated_at: datetime
    now: datetime


async def move_pokes(pool: Pool, limit: int) -> list[str]:
    """Turn requests to ask into rows that are due now; return the provider of each."""
    async with session(pool) as connection:
        return [row["provider"] for row in await connection.fetch(query("move_pokes"), limit)]


class Walk:
    """The right to walk over the objects, for the length of one transaction."""

    def __init__(self, connection: Connection, mark: str, upto: int) -> None:
        self._connection = connection
        self._mark = mark
        self._upto = upto

    async def objects(self, limit: int) -> list[Passed]:
        """Return the next objects, by their numbers."""
        rows = await self._connection.fetch(query("walk_objects"), self._upto, limit)
        return [
            Passed(
                row=stored(row),
                created_at=row["created_at"],
                updated_at=row["updated_at"],
                now=row["now"],
            )
            for row in rows
        ]

    async def add(self, rows: Iterable[tuple[StoredObject, Looked]], upto: int) -> None:
        """Enter objects that are not settled, and go on behind `upto` the next time."""
        told = [
            (
                *row.key, row.provider, looked.why, looked.look_at, looked.due_at, looked.ask_at,
                looked.base_at, looked.seen_at,
            )
            for row, looked in rows
        ]  # fmt: skip
        await execute_rows(self._connection, "add_polls", told)
        await self._connection.execute(query("move_mark"), self._mark, upto)


@asynccontextmanager
async def walking(pool: Pool, mark: str) -> AsyncIterator[Walk | None]:
    """Take the turn to walk; None where another reconciler has it."""
    async with transaction(pool) as connection:
        upto = await connection.fetchval(query("take_mark"), mark)
        yield None if upto is None else Walk(connection, mark, upto)


async def claim_polls(
    pool: Pool, provider: str, limit: int, *, by: str, lease: float
) -> list[Claimed]:
    """Take rows whose time has come, for `lease` seconds; those that somebody waits for first."""
    async with session(pool) as connection:
        rows: list[asyncpg.Record] = []
        for statement in ("claim_urgent_polls", "claim_polls"):
            if (room := limit - len(rows)) > 0:
                rows += await connection.fetch(query(statement), provider, room, by, lease)
    return [
        Claimed(
            poll=_poll(row),
            object=None if row["object_id"] is None else _seen(row),
            object_id=row["object_id"],
            claimed_by=by,
            now=row["now"],
        )
        for row in rows
    ]


def _seen(row: asyncpg.Record) -> Seen:
    return Seen(
        state=row["state"],
        flags=frozenset(row["flags"]),
        method=row["method"],
        expires_at=row["expires_at"],
        merchant_ref=row["merchant_ref"],
        updated_at=row["updated_at"],
    )


def seen_of(row: StoredObject, updated_at: datetime) -> Seen:
    """Return the same of a whole row."""
    return Seen(
        state=row.state,
        flags=frozenset(row.flags),
        method=row.method,
        expires_at=row.expires_at,
        merchant_ref=row.merchant_ref,
        updated_at=updated_at,
    )


async def other_names(pool: Pool, object_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the other names of objects, by their numbers."""
    if not object_ids:
        return {}
    async with session(pool) as connection:
        rows = await connection.fetch(query("other_names"), object_ids)
    return {row["object_id"]: tuple(row["names"]) for row in rows}


async def note_looked(pool: Pool, looked: Sequence[tuple[Claimed, Looked]]) -> None:
    """Give rows back with what was found."""
    rows = [
        (
            *each.poll.key, each.claimed_by, found.why, found.look_at, found.due_at, found.ask_at,
            found.base_at, found.seen_at, each.now,
        )
        for each, found in sorted(looked, key=lambda pair: pair[0].poll.key)
    ]  # fmt: skip
    async with session(pool) as connection:
        await execute_rows(connection, "note_looked", rows)


async def note_tried(  # noqa: PLR0913 - what became of one question
    pool: Pool,
    claimed: Claimed,
    looked: Looked,
    outcome: str,
    *,
    answered: bool,
    failed: bool,
    digest: bytes | None,
    again_in: float,
) -> None:
    """Give a row back with what became of asking; a failure uses up nothing of the schedule."""
    async with session(pool) as connection:
        await connection.execute(
            query("note_tried"), *claimed.poll.key, claimed.claimed_by, outcome,
            claimed.now if answered else None, failed, digest, again_in, looked.why, looked.due_at,
            looked.base_at, looked.seen_at,
        )  # fmt: skip


async def forget_polls(pool: Pool, settled: Sequence[Claimed]) -> None:
    """Take rows of settled objects off; one that was poked meanwhile is looked at again."""
    rows = [(*each.poll.key, each.claimed_by, each.now) for each in settled]
    async with session(pool) as connection:
        await execute_rows(connection, "forget_polls", sorted(rows))


async def release_polls(pool: Pool, by: str) -> None:
    """Give back everything that is claimed under a name."""
    async with session(pool) as connection:
        await connection.execute(query("release_polls"), by)


async def list_overdue(
    pool: Pool,
    *,
    source: str | None = None,
    provider: str | None = None,
    limit: int | None = None,
    waiting: bool = False,
) -> list[Overdue]:
    """Return what is overdue, the oldest first; with `waiting` also what is not due yet."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("overdue"), source, provider, limit, waiting)
    return [
        Overdue(
            poll=_poll(row),
            state=row["state"],
            flags=tuple(row["flags"] or ()),
            merchant_ref=row["merchant_ref"],
            updated_at=row["updated_at"],
            now=row["now"],
        )
        for row in rows
    ]


async def overdue_names(pool: Pool) -> set[ObjectKey]:
    """Return the names of all objects that are overdue."""
    return {each.poll.key for each in await list_overdue(pool)}


async def overdue_counts(pool: Pool) -> dict[str, tuple[int, int]]:
    """Return how many are due by provider, and for how many seconds the oldest is."""
    async with session(pool) as connection:
        rows: Sequence[Any] = await connection.fetch(query("overdue_counts"))
    return {row["provider"]: (row["count"], row["oldest"]) for row in rows}


async def polls_of(pool: Pool, ref: str, *, source: str | None = None) -> list[Poll]:
    """Return the rows of an object that may not be known yet."""
    async with session(pool) as connection:
        return [_poll(row) for row in await connection.fetch(query("poll_of"), ref, source)]


async def object_now(pool: Pool, key: ObjectKey) -> tuple[StoredObject, datetime] | None:
    """Return an object as it stands, and when something was last said of it."""
    async with session(pool) as connection:
        row = await connection.fetchrow(query("object_now"), *key)
    return None if row is None else (stored(row), row["updated_at"])
