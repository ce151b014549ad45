"""The process: two consumers (raw deliveries, outcomes), the relay, and the regular chores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import structlog

from libs.bus.consumer import BatchConsumer
from libs.bus.dead_letters import bury
from libs.bus.message import Message
from libs.bus.publisher import Publisher
from libs.bus.topology import ARCHIVE_QUEUE, RECONCILER_QUEUE
from libs.contracts import webhook_received, webhook_translated
from libs.contracts.errors import ContractError
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import TemporaryError, where
from libs.runtime.settings import Settings
from libs.store.archive import ensure_partitions, file_deliveries
from libs.store.database import Pool, open_pool
from services.reconciler.apply import Applied, apply_each
from services.reconciler.relay import Relay
from services.reconciler.waiting import fold_in_waiting

POOL_SIZE: Final = 5  # archive, apply, relay, chores, and one to spare
WAITING_EVERY: Final = 2.0  # seconds
PARTITIONS_EVERY: Final = 3600.0
TRANSACTION_DELIVERIES: Final = 500
BUG: Final = "a bug: the log says where"

Item = TypeVar("Item")

log = structlog.get_logger()


class Reconciler:
    """What the consumers hand their batches to."""

    def __init__(self, pool: Pool, publisher: Publisher, relay: Relay) -> None:
        self._pool = pool
        self._publisher = publisher
        self._relay = relay

    async def archive(self, messages: Sequence[Message]) -> None:
        """File raw deliveries."""
        await self._each(messages, ARCHIVE_QUEUE, self._file)

    async def reconcile(self, messages: Sequence[Message]) -> None:
        """Fold what deliveries turned out to say."""
        await self._each(messages, RECONCILER_QUEUE, self._fold)

    async def _each(
        self,
        messages: Sequence[Message],
        queue: str,
        handle: Callable[[Sequence[Message]], Awaitable[None]],
    ) -> None:
        """Handle messages as one unit; one that a bug spoils is buried and holds up no other."""
        try:
            await handle(messages)
        except TemporaryError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug buries a message, it stops no queue
            # Where, and not the message: Postgres quotes the row that it refuses.
            log.error("messages_not_handled", queue=queue, count=len(messages), at=where(error))  # noqa: TRY400
            if len(messages) == 1:
                await bury(self._publisher, messages[0], queue=queue, reason=BUG)
                return
            for message in messages:
                await self._each([message], queue, handle)

    async def _file(self, messages: Sequence[Message]) -> None:
        deliveries = await self._read(messages, webhook_received.decode, ARCHIVE_QUEUE)
        for some in _portions(deliveries):
            await file_deliveries(self._pool, some)
            failpoint("archive.committed")

    async def _fold(self, messages: Sequence[Message]) -> None:
        outcomes = await self._read(messages, webhook_translated.decode, RECONCILER_QUEUE)
        total = Applied()
        for some in _portions(outcomes):
            done = await apply_each(self._pool, some)
            total.add(done)
            self._relay.wake()
        log.debug("batch_applied", **total.counts())

    async def _read(
        self,
        messages: Sequence[Message],
        decode: Callable[[bytes], tuple[Item, ...]],
        queue: str,
    ) -> list[Item]:
        found: list[Item] = []
        for message in messages:
            try:
                found.extend(decode(message.body))
            except ContractError as error:
                log.error("message_not_readable", queue=queue, error=str(error))  # noqa: TRY400
                await bury(self._publisher, message, queue=queue, reason=str(error))
        return found


async def run(settings: Settings, stop: asyncio.Event, *, name: str = "reconciler") -> None:
    """Run until `stop` is set; then finish the batches in hand and relay what is left."""
    url = settings.required_amqp_url()
    async with open_pool(settings.required_postgres_dsn(), size=POOL_SIZE) as pool:
        publisher = await Publisher.open(url, name=f"{name}-publisher", deadline=10.0)
        relay = Relay(pool, publisher)
        reconciler = Reconciler(pool, publisher, relay)
        consumers = [
            BatchConsumer(url, queue, handle, name=f"{name}-{role}", grace=settings.grace)
            for role, queue, handle in (
                ("archive", ARCHIVE_QUEUE, reconciler.archive),
                ("outcomes", RECONCILER_QUEUE, reconciler.reconcile),
            )
        ]
        relay_stop = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(relay.run(relay_stop))
                tasks.create_task(_every(PARTITIONS_EVERY, stop, lambda: _partitions(pool)))
                tasks.create_task(_every(WAITING_EVERY, stop, lambda: _waiting(pool, relay)))
                await asyncio.gather(*(consumer.run(stop) for consumer in consumers))
                relay_stop.set()
        finally:
            await publisher.close()


async def _partitions(pool: Pool) -> None:
    made = await ensure_partitions(pool, datetime.now(UTC))
    if made:
        log.info("partitions_made", count=made)


async def _waiting(pool: Pool, relay: Relay) -> None:
    found = await fold_in_waiting(pool)
    if found:
        log.info("waiting_observations_folded_in", count=found)
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
        try:
            async with asyncio.timeout(wait):
                await stop.wait()
        except TimeoutError:
            continue


def _portions(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [
        items[start : start + TRANSACTION_DELIVERIES]
        for start in range(0, len(items), TRANSACTION_DELIVERIES)
    ]
