"""Who is to be asked about: rows of `polls`, claimed for a while and noted when done.

No transaction here lasts longer than its statements, and nobody asks a provider inside of one. A
claim that is not noted runs out, and somebody else asks again, which is harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import asyncpg

from libs.store.database import Pool, execute_rows, fetch_rows, session
from libs.store.objects import ObjectKey, StoredObject
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


_POLL: Final = tuple(each.name for each in fields(Poll))


def poll_row(row: asyncpg.Record) -> Poll:
    """Read a row that has all columns of `polls`."""
    return Poll(**{name: row[name] for name in _POLL})


async def move_pokes(pool: Pool, limit: int) -> list[str]:
    """Turn requests to ask into rows that are due now; return the provider of each."""
    async with session(pool) as connection:
        return [row["provider"] for row in await connection.fetch(query("move_pokes"), limit)]


async def providers_due(pool: Pool, providers: Sequence[str]) -> list[str]:
    """Return those of whom there are rows whose time has come and that nobody has claimed."""
    async with session(pool) as connection:
        rows = await fetch_rows(connection, "providers_due", [(each,) for each in providers])
    return [row["provider"] for row in rows]


async def claim_polls(
    pool: Pool, provider: str, limit: int, *, by: str, lease: float
) -> list[Claimed]:
    """Take rows whose time has come, for `lease` seconds; those that somebody waits for first."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("claim_polls"), provider, limit, by, lease)
    return [
        Claimed(
            poll=poll_row(row),
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
    """Take rows of settled objects off; one that was poked meanwhile is looked at again, at once."""
    rows = [(*each.poll.key, each.claimed_by, each.now) for each in settled]
    async with session(pool) as connection:
        await execute_rows(connection, "forget_polls", sorted(rows))
        await execute_rows(connection, "spare_polls", sorted(rows))


async def release_predecessors(pool: Pool, provider: str, by: str) -> None:
    """Give back what others than `by` have claimed of a provider.

    For whoever has the turn from now on: what one claimed who was killed would rest until its claim
    ran out. One that is not gone after all, but frozen, asks to the end and notes nothing.
    """
    async with session(pool) as connection:
        await connection.execute(query("release_predecessors"), provider, by)


async def release_polls(pool: Pool, by: str) -> None:
    """Give back everything that is claimed under a name."""
    async with session(pool) as connection:
        await connection.execute(query("release_polls"), by)
