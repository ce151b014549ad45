"""The process: its consumers (raw deliveries, outcomes, notices), the relay, the regular chores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Final

import structlog

from libs.bus.consumer import BatchConsumer
from libs.bus.itemwise import Limits
from libs.bus.publisher import Publisher
from libs.bus.tail import backlog
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    DEAD_QUEUE,
    EVENTS_QUEUE,
    NORMALIZER_QUEUE,
    NOTICES_QUEUE,
    RECONCILER_QUEUE,
)
from libs.bus.watch import watching
from libs.runtime.archive_keys import KEYS, WITHOUT_KEYS, key_ring
from libs.runtime.failures import ContentionError, TemporaryError, where
from libs.runtime.metric_kinds import RECONCILER, count_from_zero
from libs.runtime.queue_metrics import LOOK_EVERY
from libs.runtime.settings import Settings
from libs.runtime.sources import Sources
from libs.runtime.tracing.witness import Witness
from libs.store.archive import ensure_partitions
from libs.store.database import Pool, open_pool
from services.reconciler.arrivals import Arrivals
from services.reconciler.crowd import Crowd
from services.reconciler.figures import Figures
from services.reconciler.handling import Reconciler
from services.reconciler.noticing import noticing
from services.reconciler.polling.run import poll_providers
from services.reconciler.relay import Relay
from services.reconciler.retention import Retention
from services.reconciler.sweep import Sweep
from services.reconciler.telling import Telling
from services.reconciler.waiting import fold_in_waiting

POOL_SIZE: Final = 12  # archive, apply, notices, relay, eight chores
ANSWER_WITHIN: Final = 15.0  # seconds for one statement; locks are waited for less long
WAITING_EVERY: Final = 2.0  # seconds
CROWD_EVERY: Final = 1.0
SWEEP_EVERY: Final = 15.0
ARRIVALS_EVERY: Final = 60.0
TELLING_EVERY: Final = 3.0
PARTITIONS_EVERY: Final = 3600.0
PARTITIONS_ATTEMPTS: Final = 5
CONSUMED: Final = (ARCHIVE_QUEUE, RECONCILER_QUEUE, NOTICES_QUEUE)
RETENTION_EVERY: Final = 600.0
# Whose depth is told as well; of the normalizer's also where none runs.
BESIDE: Final = (NORMALIZER_QUEUE, DEAD_QUEUE, EVENTS_QUEUE)
log = structlog.get_logger()


async def run(
    settings: Settings,
    stop: asyncio.Event,
    *,
    sources: Sources | None = None,
    name: str = "reconciler",
    witness: Witness | None = None,
) -> None:
    """Run until `stop` is set; then finish the batches in hand and relay what is left.

    Providers are asked back where the sources are told, and the settings do not forbid it.
    """
    url = settings.required_amqp_url()
    dsn = settings.required_postgres_dsn()
    count_from_zero(RECONCILER)
    keys = key_ring(settings)
    if not keys:
        log.warning("configuration_odd", key=KEYS, why=WITHOUT_KEYS)
    async with open_pool(
        dsn, size=POOL_SIZE, answer_within=ANSWER_WITHIN, by_index=True, keys=keys
    ) as pool:
        publisher = await Publisher.open(url, name=f"{name}-publisher", deadline=10.0)
        relay = Relay(pool, publisher, witness)
        holds = frozenset[str]() if sources is None else sources.holding
        crowd = Crowd(pool, holds)
        sweep = Sweep(
            pool,
            publisher,
            lambda: backlog(url, (NORMALIZER_QUEUE, RECONCILER_QUEUE)),
            after=settings.sweep_after,
        )
        arrivals = Arrivals(pool, lambda: backlog(url, (ARCHIVE_QUEUE,)))
        telling = Telling(pool, publisher)
        figures = Figures(pool)
        retention = Retention(pool, settings, stop)
        limits = Limits.of(settings)
        reconciler = Reconciler(pool, publisher, relay, limits, holds, witness=witness)
        consumers = [
            BatchConsumer(
                url,
                queue,
                handle,
                name=f"{name}-{role}",
                grace=settings.grace,
            )
            for role, queue, handle in (
                ("archive", ARCHIVE_QUEUE, reconciler.archive),
                ("outcomes", RECONCILER_QUEUE, reconciler.reconcile),
                ("notices", NOTICES_QUEUE, noticing(pool, publisher, limits)),
            )
        ]
        relay_stop = asyncio.Event()
        try:
            async with (
                watching(url, name=name, consumed=CONSUMED, beside=BESIDE),
                asyncio.TaskGroup() as tasks,
            ):
                relaying = tasks.create_task(relay.run(relay_stop))
                chores = [
                    tasks.create_task(_every(seconds, stop, chore))
                    for seconds, chore in (
                        (PARTITIONS_EVERY, lambda: _partitions(pool)),
                        (WAITING_EVERY, lambda: _waiting(pool, relay, holds)),
                        (CROWD_EVERY, lambda: _crowd(crowd, relay)),
                        (SWEEP_EVERY, sweep.run),
                        (ARRIVALS_EVERY, arrivals.run),
                        (TELLING_EVERY, telling.run),
                        (LOOK_EVERY, figures.run),
                        (RETENTION_EVERY, retention.run),
                    )
                ]
                if sources is not None and settings.polling:
                    polling = poll_providers(settings, sources, stop, name=name)
                    chores.append(tasks.create_task(polling))
                else:
                    log.info("polling_is_off", why=_why_not(settings))
                others = {relaying, *chores}
                cut = tasks.create_task(_cut_off(pool, others, stop, settings.grace))
                await asyncio.gather(*(consumer.run(stop) for consumer in consumers))
                relay_stop.set()
                await asyncio.wait(others)
                cut.cancel()
        finally:
            await publisher.close()


def _why_not(settings: Settings) -> str:
    return "no sources file" if settings.polling else "CAUDAL_POLLING"


async def _cut_off(
    pool: Pool, tasks: Iterable[asyncio.Task[None]], stop: asyncio.Event, grace: float
) -> None:
    """After a stop and the grace, end whatever still waits for the database or the broker."""
    await stop.wait()
    await asyncio.sleep(grace)
    log.warning("grace_is_over")
    pool.terminate()
    for task in tasks:
        task.cancel()


async def _partitions(pool: Pool) -> None:
    """Make them; the turn of retention lasts a moment where nothing is due, as when both begin."""
    for attempt in range(1, PARTITIONS_ATTEMPTS + 1):
        try:
            made = await ensure_partitions(pool, datetime.now(UTC))
        except ContentionError:
            if attempt == PARTITIONS_ATTEMPTS:
                raise
            await asyncio.sleep(1)
        else:
            break
    if made:
        log.info("partitions_made", count=made)


async def _waiting(pool: Pool, relay: Relay, holds: Collection[str]) -> None:
    found = await fold_in_waiting(pool, holds)
    if found:
        log.info("waiting_observations_folded_in", count=found)
        relay.wake()


async def _crowd(crowd: Crowd, relay: Relay) -> None:
    if await crowd.run():
        relay.wake()


async def _every(seconds: float, stop: asyncio.Event, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore now and then; one that fails is done again later, soon at first."""
    pause = 1.0
    while not stop.is_set():
        try:
            await chore()
            wait, pause = seconds, 1.0
        except TemporaryError as error:
            log.warning("chore_waits", error=str(error))
            wait, pause = min(pause, seconds), pause * 2
        except Exception as error:  # noqa: BLE001 - a bug in a chore stops no consumer
            log.error("chore_failed", at=where(error))  # noqa: TRY400
            wait, pause = seconds, 1.0
        try:
            async with asyncio.timeout(wait):
                await stop.wait()
        except TimeoutError:
            continue
