"""Polling as a whole: a poller for each provider, and the chores that feed them.

With connections of its own to the database and to the broker: however long a provider keeps us waiting,
no batch waits for a connection because of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import uuid_utils

from libs.bus.publisher import Publisher
from libs.bus.tail import backlog
from libs.bus.topology import NORMALIZER_QUEUE, RECONCILER_QUEUE
from libs.runtime.failures import TemporaryError, where
from libs.runtime.metrics import OVERDUE, OVERDUE_OLDEST
from libs.runtime.settings import Settings
from libs.runtime.sources import Sources
from libs.store.database import Pool, open_pool
from libs.store.overdue import overdue_counts
from libs.store.polls import move_pokes, providers_due
from services.reconciler.polling.access import Access
from services.reconciler.polling.poller import Poller
from services.reconciler.polling.turn import Turn
from services.reconciler.polling.walk import ROUND, marks, walk

POOL_SIZE: Final = 3
ANSWER_WITHIN: Final = 15  # seconds for one statement
PUBLISH_WITHIN: Final = 10
POKES_EVERY: Final = 1
WALK_EVERY: Final = 2
WALK_FOR: Final = 1  # seconds, half of them at rest: some 4,000 objects a second
DUE_EVERY: Final = 2
COUNT_EVERY: Final = 15
POKES_AT_ONCE: Final = 500
BACKLOG_EVERY: Final = 15  # to look at it takes a connection
LONG_BACKLOG: Final = 100  # messages: with more of them waiting, late is not lost

log = structlog.get_logger()


async def poll_providers(
    settings: Settings, sources: Sources, stop: asyncio.Event, *, name: str
) -> None:
    """Ask until stopped; what goes wrong here is logged, begun anew, and stops nothing else."""
    pause = 1
    while not stop.is_set():
        try:
            await _poll(settings, sources, stop, name)
        except TemporaryError as error:
            log.warning("polling_waits", error=str(error))
        except Exception as error:  # noqa: BLE001 - a bug in polling stops no folding
            log.error("polling_failed", at=where(error))  # noqa: TRY400
        await _wait(stop, pause)
        pause = min(pause * 2, 60)


async def _poll(settings: Settings, sources: Sources, stop: asyncio.Event, name: str) -> None:
    url, dsn = settings.required_amqp_url(), settings.required_postgres_dsn()
    access = Access(sources)
    publisher = await Publisher.open(url, name=f"{name}-polls", deadline=PUBLISH_WITHIN)
    try:
        async with open_pool(
            dsn, size=POOL_SIZE, answer_within=ANSWER_WITHIN, by_index=True
        ) as pool:
            by = f"{name}/{uuid_utils.uuid7()}"
            pollers = {
                each: Poller(
                    each, pool, publisher, access, by=by,
                    turn=Turn(pool, each, name=name, holder=by),
                )
                for each in access.lines
            }  # fmt: skip
            desk = Desk(
                pool,
                access,
                pollers,
                lambda: backlog(url, (NORMALIZER_QUEUE, RECONCILER_QUEUE)),
            )
            log.info("polling", providers=sorted(pollers))
            async with asyncio.TaskGroup() as tasks:
                for poller in pollers.values():
                    tasks.create_task(poller.run(stop))
                tasks.create_task(_every(POKES_EVERY, stop, desk.pokes))
                tasks.create_task(_every(WALK_EVERY, stop, desk.walk))
                tasks.create_task(_every(DUE_EVERY, stop, desk.due))
                tasks.create_task(_every(COUNT_EVERY, stop, desk.count))
    finally:
        await access.close()
        await publisher.close()


class Desk:
    """The chores: pokes into rows, objects into rows, rows into numbers."""

    def __init__(
        self,
        pool: Pool,
        access: Access,
        pollers: dict[str, Poller],
        waiting: Callable[[], Awaitable[int]],
    ) -> None:
        self._pool = pool
        self._access = access
        self._pollers = pollers
        self._waiting = waiting
        self._looked_at = -BACKLOG_EVERY
        self._late = False

    async def pokes(self) -> None:
        """Put those on the list that somebody asked us to ask about."""
        while moved := await move_pokes(self._pool, POKES_AT_ONCE):
            for provider in set(moved):
                if provider in self._pollers:
                    self._pollers[provider].wake()
            if len(moved) < POKES_AT_ONCE:
                return

    async def walk(self) -> None:
        """Put those on the list that have become old; not while webhooks wait to be folded.

        Where very many have (after a standstill, or an import), in pieces with rests: without them ten
        million took the reconciler for minutes, and nearly halved what it folded meanwhile.
        """
        now = int(asyncio.get_running_loop().time())
        if now - self._looked_at >= BACKLOG_EVERY:
            self._looked_at, self._late = now, await self._waiting() > LONG_BACKLOG
        if self._late:
            return
        clock = asyncio.get_running_loop().time
        until = clock() + WALK_FOR
        for mark in marks(self._access):
            while (begun := clock()) < until:
                if await walk(self._pool, self._access, mark) < ROUND:
                    break
                await asyncio.sleep(clock() - begun)

    async def due(self) -> None:
        """Wake those who have something to do: one look for all of them, where each looked by itself."""
        for provider in await providers_due(self._pool, tuple(self._pollers)):
            self._pollers[provider].wake()

    async def count(self) -> None:
        """Tell how many are overdue, and since when."""
        counts = await overdue_counts(self._pool)
        for provider in self._pollers:
            count, oldest = counts.get(provider, (0, 0))
            OVERDUE.labels(provider).set(count)
            OVERDUE_OLDEST.labels(provider).set(oldest)


async def _every(seconds: int, stop: asyncio.Event, chore: Callable[[], Awaitable[None]]) -> None:
    while not stop.is_set():
        try:
            await chore()
        except TemporaryError as error:
            log.warning("polling_chore_waits", error=str(error))
        except Exception as error:  # noqa: BLE001 - a bug in a chore stops no poller
            log.error("polling_chore_failed", at=where(error))  # noqa: TRY400
        await _wait(stop, seconds)


async def _wait(stop: asyncio.Event, seconds: int) -> None:
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()
