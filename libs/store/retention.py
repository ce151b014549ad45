"""What goes of the archive, of what was discarded and of the record of acts, in small steps.

One at a time does a step, and each is a transaction of its own: whoever is interrupted leaves nothing that
the next cannot go on with. What the fold reads never goes, and neither does the dedupe ledger.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from libs.store.database import Connection, Pool, fetch_rows, session, transaction
from libs.store.queries import query

RETENTION_LOCK: Final = 0x0CA0DA8
# For which everybody may be held up while a day's partitions are set aside; less than it takes the
# server to look for a deadlock.
HELD_UP: Final = "200ms"
DROP_WITHIN: Final = 1800  # seconds; a day is looked through once before it goes
PORTION: Final = 5000  # rows in one transaction


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the archive (UTC). `deliveries` is what the server thinks, None where it knows nothing."""

    day: date
    bytes: int
    deliveries: int | None
    set_aside: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """What went with a day; `kept` went back, since it is still needed."""

    day: date
    deliveries: int
    kept: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with retention. `waiting` rows have no partition (it counts to 10,000).

    `ahead` is for how many days from today on there are partitions; `dropped_until` the latest day
    of which something is gone.
    """

    now: datetime
    done_at: datetime | None
    oldest: date | None
    ahead: int
    waiting: int
    dropped_days: int
    dropped_deliveries: int
    dropped_bytes: int
    dropped_until: date | None


@dataclass(frozen=True, slots=True)
class Gone:
    """A delivery that is no longer on file, since when."""

    id: str
    received_at: datetime
    dropped_at: datetime


@dataclass(frozen=True, slots=True)
class GoneBetween:
    """How much is gone of the days that a stretch of time touches."""

    days: int
    deliveries: int
    first: date
    last: date
    dropped_at: datetime


class Turn:
    """The right to one step, for the length of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def set_aside(self, day: date) -> None:
        """Take a day's partitions out of the tables; `ContentionError` where they are in use."""
        await self._connection.execute(query("wait_no_longer"), HELD_UP)
        await self._connection.execute(query("set_aside_day"), day)

    async def drop(self, day: date) -> Dropped | None:
        """Drop what was set aside of a day; None where that is nothing."""
        row = await self._connection.fetchrow(query("drop_day"), day, timeout=DROP_WITHIN)
        return None if row is None else Dropped(day, row["deliveries"], row["kept"], row["bytes"])

    async def forget_archived(self, days: int) -> int:
        """Forget a portion of what has no partition and is older; return how many rows."""
        found: int = await self._connection.fetchval(
            query("forget_archived"), days, PORTION, timeout=DROP_WITHIN
        )
        return found

    async def forget_discarded(self, days: int) -> int:
        """Forget a portion of what was discarded longer ago; return how many."""
        return len(await self._connection.fetch(query("forget_discarded"), days, PORTION))

    async def forget_acts(self, days: int) -> int:
        """Forget a portion of the acts that are older; return how many rows."""
        found: int = await self._connection.fetchval(query("forget_acts"), days, PORTION)
        return found

    async def done(self) -> None:
        """Note that all that was due is gone."""
        await self._connection.execute(query("move_retention_mark"))


@asynccontextmanager
async def retention_turn(pool: Pool) -> AsyncIterator[Turn | None]:
    """Take the turn; None where somebody else has it."""
    async with transaction(pool) as connection:
        taken = await connection.fetchval(query("take_retention"), RETENTION_LOCK)
        yield Turn(connection) if taken else None


async def due_days(pool: Pool, older_than: int | None) -> list[tuple[date, bool]]:
    """Return the days that are to go, the oldest first, and whether each was set aside already.

    Without a number of days only those.
    """
    async with session(pool) as connection:
        rows = await connection.fetch(query("due_days"), older_than)
    return [(row["day"], row["set_aside"]) for row in rows]


async def archive_days(pool: Pool) -> list[Day]:
    """Return all days of the archive, with their sizes on disk."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("archive_days"))
    return [
        Day(
            row["day"],
            row["bytes"],
            None if row["deliveries"] is None or row["deliveries"] < 0 else row["deliveries"],
            row["set_aside"],
        )
        for row in rows
    ]


async def standing(pool: Pool) -> Standing:
    """Return how it stands with retention."""
    async with session(pool) as connection:
        [row] = await connection.fetch(query("retention_status"))
        [reach] = await connection.fetch(query("archive_reach"))
    return Standing(
        now=row["now"],
        done_at=row["done_at"],
        oldest=reach["oldest"],
        ahead=reach["ahead"],
        waiting=row["waiting"],
        dropped_days=row["days"],
        dropped_deliveries=row["deliveries"],
        dropped_bytes=row["bytes"],
        dropped_until=row["latest"],
    )


async def gone_from_archive(pool: Pool, named: Iterable[tuple[str, datetime]]) -> list[Gone]:
    """Return those of the deliveries (id, time of receipt) that were dropped."""
    async with session(pool) as connection:
        rows = await fetch_rows(connection, "gone_from_archive", sorted(set(named)))
    return [Gone(row["id"], row["received_at"], row["dropped_at"]) for row in rows]


async def dropped_between(pool: Pool, since: datetime, until: datetime) -> GoneBetween | None:
    """Return what is gone of the days between two moments; None for nothing."""
    async with session(pool) as connection:
        [row] = await connection.fetch(query("dropped_between"), since, until)
    if not row["days"]:
        return None
    return GoneBetween(row["days"], row["deliveries"], row["first"], row["last"], row["dropped_at"])
