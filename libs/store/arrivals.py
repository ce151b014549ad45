"""How many came when, counted from the archive, and what is usual: kept beside it, never in its way.

A count is of what came on file in five minutes that are over; the mark says how far. Whoever counts
the same minutes again writes the same numbers. One reconciler at a time counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from libs.arrivals.silence import Heard
from libs.arrivals.usual import Slot, Usual, learn
from libs.arrivals.week import HOUR, MISSED_WEEKS, WEEK, WEEKS, hour_of, span_of
from libs.store.database import Connection, Pool, execute_rows, session, transaction
from libs.store.queries import query

_ARRIVALS_LOCK: Final = 0x0CA0DA5
# Seconds after which whoever has filed something has committed, or was given up by the server.
SETTLED: Final = 60
AT_ONCE: Final = timedelta(days=1)
COUNT_WITHIN: Final = 600  # seconds; the first count of an old archive goes through weeks
# As long as a source is missed, what it was like before is learnt from; and a little more.
KEPT: Final = (MISSED_WEEKS + WEEKS + 1) * WEEK
NOTICES_KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Known:
    """A source of which something came, and what is usual for it.

    `recent` is how many came in the sixty minutes before the moment up to which all is counted.
    """

    source: str
    provider: str
    last_at: datetime
    recent: int
    usual: Usual

    @property
    def heard(self) -> Heard:
        return Heard(self.last_at, self.recent)


@dataclass(frozen=True, slots=True)
class Counted:
    """All sources, in order, as of `until`; `now` is by the same clock.

    Where nothing was counted yet, there are no sources, and the two are the same.
    """

    until: datetime
    now: datetime
    sources: tuple[Known, ...] = ()


class Turn:
    """The right to count and to learn, for the length of one transaction."""

    def __init__(self, connection: Connection, settled: int) -> None:
        self._connection = connection
        self._settled = settled

    async def count(self) -> bool:
        """Count what came on file since the mark, for a day at most; tell whether more is left.

        A clock that was set back takes the mark with it: what is counted a second time is the same.
        """
        [clock] = await self._connection.fetch(query("arrivals_clock"), self._settled)
        end = span_of(clock["settled"])
        begin = min(clock["counted"] or end - WEEKS * WEEK, end)
        until = min(begin + AT_ONCE, end)
        if begin < until:
            await self._connection.execute(
                query("count_arrivals"), begin, until, timeout=COUNT_WITHIN
            )
        await self._connection.execute(query("move_arrivals_mark"), "counted", until)
        return until < end

    async def learn(self) -> bool:
        """Learn what is usual up to the last whole hour, once for each; tell whether it was done."""
        [clock] = await self._connection.fetch(query("arrivals_clock"), self._settled)
        if clock["counted"] is None:
            return False
        until = hour_of(clock["counted"])
        if until == clock["learnt"]:
            return False
        for row in await self._connection.fetch(query("arrival_sources"), until, until):
            await self._learn(row["source"], row["first_at"], row["last_at"], until)
        await self._connection.execute(query("move_arrivals_mark"), "learnt", until)
        await self._connection.execute(query("forget_arrivals"), until - KEPT)
        await self._connection.execute(query("forget_not_let_in"), until - KEPT)
        await self._connection.execute(query("forget_notices"), clock["now"] - NOTICES_KEPT)
        return True

    async def _learn(self, source: str, first: datetime, last: datetime, until: datetime) -> None:
        begin = min(until, last) - WEEKS * WEEK - HOUR
        rows = await self._connection.fetch(query("arrivals_of"), source, begin, until)
        counted = ((row["arrived"], int(row["deliveries"])) for row in rows)
        usual = learn(counted, first=first, last=last, until=until)
        slots = [
            (source, hour, slot.weeks, slot.heard, slot.low, slot.median)
            for hour, slot in sorted(usual.slots.items())
        ]
        await execute_rows(self._connection, "learn_usual", slots)
        await self._connection.execute(query("learn_gap"), source, usual.weeks, usual.gap)


@asynccontextmanager
async def arrivals_turn(pool: Pool, settled: int = SETTLED) -> AsyncIterator[Turn | None]:
    """Take the turn to count; None where another reconciler has it."""
    async with transaction(pool) as connection:
        taken = await connection.fetchval(query("take_arrivals"), _ARRIVALS_LOCK)
        yield Turn(connection, settled) if taken else None


async def read_counted(pool: Pool) -> Counted:
    """Return what is counted and known of every source."""
    async with session(pool) as connection:
        [clock] = await connection.fetch(query("arrivals_clock"), SETTLED)
        if clock["counted"] is None:
            return Counted(clock["now"], clock["now"])
        until: datetime = clock["counted"]
        rows = await connection.fetch(query("arrival_sources"), until - HOUR, until)
        slots: dict[str, dict[int, Slot]] = defaultdict(dict)
        for row in await connection.fetch(query("usual_arrivals")):
            slots[row["source"]][row["hour"]] = Slot(
                row["weeks"], row["heard"], row["low"], row["median"]
            )
    known = tuple(
        Known(
            source=row["source"],
            provider=row["provider"],
            last_at=row["last_at"],
            recent=int(row["recent"]),
            usual=Usual(row["weeks"], slots[row["source"]], row["gap"]),
        )
        for row in rows
    )
    return Counted(until, clock["now"], known)
