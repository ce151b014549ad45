"""The chore that counts arrivals, learns what is usual, and says which source is silent.

One reconciler at a time counts; every one of them tells the metrics, out of the database, so that all
tell the same. What is judged is the time up to which all that came is on file. While messages wait to
be filed, or the broker cannot be asked, nothing is counted: what is held up is not missing. Nor is it
for some minutes after, in which what was held up comes on file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from libs.arrivals.silence import Standing, judge
from libs.arrivals.week import SPAN
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import SOURCE_LAST_DELIVERY_AGE, SOURCE_SILENT
from libs.store.arrivals import SETTLED, arrivals_turn, read_counted
from libs.store.database import Pool

LONG_BACKLOG: Final = 100  # messages
# Seconds without a backlog before it is counted: until the five minutes in which the last of it came
# on file are over, and settled.
CALM: Final = 2 * SETTLED + int(SPAN.total_seconds())

log = structlog.get_logger()


class Arrivals:
    """`backlog` tells how many messages wait to be filed. `calm` and `settled` are seconds."""

    def __init__(
        self,
        pool: Pool,
        backlog: Callable[[], Awaitable[int]],
        *,
        calm: int = CALM,
        settled: int = SETTLED,
    ) -> None:
        self._pool = pool
        self._backlog = backlog
        self._calm = calm
        self._settled = settled
        self._calm_since: int | None = None
        self._silent: set[str] = set()

    async def run(self) -> None:
        """Count what is to be counted, learn what is to be learnt, and tell."""
        if await self._is_calm():
            while await self._count():
                continue
            await self._learn()
        await self.tell()

    async def _is_calm(self) -> bool:
        """Say whether for a while nothing has waited to be filed, as far as can be known."""
        now = _seconds()
        try:
            waiting = await self._backlog()
        except TemporaryError:
            self._calm_since = None
            return False
        if waiting > LONG_BACKLOG:
            self._calm_since = None
            return False
        if self._calm_since is None:
            self._calm_since = now
        return now - self._calm_since >= self._calm

    async def _count(self) -> bool:
        async with arrivals_turn(self._pool, self._settled) as turn:
            return turn is not None and await turn.count()

    async def _learn(self) -> None:
        async with arrivals_turn(self._pool, self._settled) as turn:
            if turn is not None and await turn.learn():
                log.debug("usual_arrivals_learnt")

    async def tell(self) -> None:
        """Set the metrics, and log where a source became silent or is heard again."""
        counted = await read_counted(self._pool)
        for known in counted.sources:
            verdict = judge(known.usual, known.heard, counted.until)
            silent = verdict.standing is Standing.SILENT
            SOURCE_SILENT.labels(known.source).set(silent)
            age = (counted.now - known.last_at).total_seconds()
            SOURCE_LAST_DELIVERY_AGE.labels(known.source).set(max(age, 0))
            self._log(known.source, verdict.why, silent=silent)

    def _log(self, source: str, why: str, *, silent: bool) -> None:
        if silent and source not in self._silent:
            self._silent.add(source)
            log.warning("source_silent", source=source, why=why)
        elif not silent and source in self._silent:
            self._silent.remove(source)
            log.info("source_heard_again", source=source)


def _seconds() -> int:
    return int(asyncio.get_running_loop().time())
