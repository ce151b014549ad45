"""Polls as people look at them: what is overdue, the rows of one object, an object as it stands now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.store.database import Pool, session
from libs.store.objects import ObjectKey, StoredObject, stored
from libs.store.polls import Poll, poll_row
from libs.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A row as it is listed, with its object's state."""

    poll: Poll
    state: str | None
    flags: tuple[str, ...]
    merchant_ref: str | None
    updated_at: datetime | None
    now: datetime


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
            poll=poll_row(row),
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
        return [poll_row(row) for row in await connection.fetch(query("poll_of"), ref, source)]


async def object_now(pool: Pool, key: ObjectKey) -> tuple[StoredObject, datetime] | None:
    """Return an object as it stands, and when something was last said of it."""
    async with session(pool) as connection:
        row = await connection.fetchrow(query("object_now"), *key)
    return None if row is None else (stored(row), row["updated_at"])
