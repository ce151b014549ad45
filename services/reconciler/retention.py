"""The chore that lets go of what is old: days of the archive, what was discarded, the record of acts.

    due days, the oldest first ─► set aside (briefly) ─► keep what is needed ─► drop
    then rows without a partition, discarded readings, acts ─► in portions

One at a time does a step of it, and all steps may be done again. What the fold reads stays, of every
object, and so does the dedupe ledger: a late webhook finds all that was ever said.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog

from libs.runtime.failpoints import failpoint
from libs.runtime.failures import ContentionError
from libs.runtime.metrics import (
    RETENTION_AHEAD,
    RETENTION_DROPPED,
    RETENTION_LAST_DONE,
    RETENTION_OLDEST,
    RETENTION_OVERDUE,
    RETENTION_UNPARTITIONED,
)
from libs.runtime.retention import Retention as Kept
from libs.store.database import Pool
from libs.store.retention import PORTION, Dropped, Turn, due_days, retention_turn, standing

ATTEMPTS: Final = 5  # at partitions that somebody reads
FIRST_PAUSE: Final = timedelta(milliseconds=300)  # between them, doubling

Progress = Callable[[str], None]

log = structlog.get_logger()


@dataclass(slots=True)
class Let:
    """What went. `held_up` are days that somebody still reads; `busy`: somebody else is at it."""

    days: list[Dropped] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    held_up: list[date] = field(default_factory=list)
    busy: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing that is due is left."""
        return not self.held_up and not self.busy


async def let_go(
    pool: Pool, kept: Kept, on_progress: Progress, stop: asyncio.Event | None = None
) -> Let:
    """Let go of what is due, until there is nothing more, or until `stop` is set.

    Raises `TemporaryError` where the database is away. What was begun is finished whatever is to be kept.
    That it is done is not on record by this: a person may let go of less than is due to the reconcilers.
    """
    found = Let()
    ending = stop or asyncio.Event()
    for day, set_aside in await due_days(pool, kept.retention_archive_days):
        if ending.is_set() or not found.done:
            return found  # who reads one day reads the others as well
        await _day(pool, day, found, set_aside=set_aside)
        if not found.held_up:
            on_progress(f"{len(found.days)} days dropped, the last of them {day}")
    if kept.retention_archive_days is not None:
        days = kept.retention_archive_days
        await _portions(pool, "deliveries", lambda turn: turn.forget_archived(days), found, ending)
        await _portions(pool, "discarded", lambda turn: turn.forget_discarded(days), found, ending)
    if kept.retention_acts_days is not None:
        acts = kept.retention_acts_days
        await _portions(pool, "acts", lambda turn: turn.forget_acts(acts), found, ending)
    return found


async def _day(pool: Pool, day: date, found: Let, *, set_aside: bool) -> None:
    pause = FIRST_PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if not set_aside:
                async with retention_turn(pool) as turn:
                    if turn is None:
                        found.busy = True
                        return
                    await turn.set_aside(day)
                set_aside = True
            failpoint("retention.set_aside")
            async with retention_turn(pool) as turn:
                if turn is None:
                    found.busy = True
                    return
                dropped = await turn.drop(day)
        except ContentionError:
            # Whoever reads the archive for long is let do so; each attempt holds everybody up for a moment.
            if attempt < ATTEMPTS:
                await asyncio.sleep(pause.total_seconds())
                pause *= 2
        else:
            if dropped is not None:
                found.days.append(dropped)
                _count_day(dropped)
            return
    found.held_up.append(day)
    log.warning("archive_day_in_use", reason=str(day), attempts=ATTEMPTS)


def _count_day(dropped: Dropped) -> None:
    RETENTION_DROPPED.labels(what="days").inc()
    RETENTION_DROPPED.labels(what="deliveries").inc(dropped.deliveries)
    RETENTION_DROPPED.labels(what="bytes").inc(dropped.bytes)
    log.info(
        "archive_day_dropped",
        reason=str(dropped.day),
        deliveries=dropped.deliveries,
        left=dropped.kept,
        bytes=dropped.bytes,
    )


async def _portions(
    pool: Pool,
    what: str,
    forget: Callable[[Turn], Awaitable[int]],
    found: Let,
    ending: asyncio.Event,
) -> None:
    """Forget portion after portion until one is not full."""
    count = PORTION
    while count >= PORTION and not found.busy and not ending.is_set():
        async with retention_turn(pool) as turn:
            if turn is None:
                found.busy = True
                return
            count = await forget(turn)
        found.rows[what] += count
        RETENTION_DROPPED.labels(what=what).inc(count)


class Retention:
    """The chore of a reconciler: lets go of what is due, and tells how it stands."""

    def __init__(self, pool: Pool, kept: Kept, stop: asyncio.Event) -> None:
        self._pool = pool
        self._kept = kept
        self._stop = stop

    async def run(self) -> None:
        """Let go of what is due; somebody else may be at it, which is as good.

        Where nothing has to go, it is done as well: everything is kept.
        """
        try:
            found = await let_go(self._pool, self._kept, lambda _: None, self._stop)
            if found.done and not self._stop.is_set():
                await self._note_done()
        finally:
            await self.tell()

    async def _note_done(self) -> None:
        async with retention_turn(self._pool) as turn:
            if turn is not None:
                await turn.done()

    async def tell(self) -> None:
        """Set the metrics."""
        now = await standing(self._pool)
        due = await due_days(self._pool, self._kept.retention_archive_days)
        RETENTION_OVERDUE.set(len(due))
        RETENTION_AHEAD.set(now.ahead)
        RETENTION_UNPARTITIONED.set(now.waiting)
        if now.done_at is not None:
            RETENTION_LAST_DONE.set(now.done_at.timestamp())
        if now.oldest is not None:
            RETENTION_OLDEST.set(age(now.oldest, now.now))


def age(day: date, now: datetime) -> float:
    """Return for how many seconds a day (UTC) has been over."""
    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    return max((now - end).total_seconds(), 0)
