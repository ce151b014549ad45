"""Normalizer and reconciler with nothing in them: `python -m bench.bare_workers normalizer`.

With `bench.bare` before them they are the whole path of a webhook without a meaning: what is received is
published, taken, published again, taken, and committed; an event leaves for every change. Nothing is
read, translated or folded. To Postgres they say what Caudal said of as many webhooks, which was caught before
(`bench.limits.captured`), a hundred webhooks in each batch, with arguments that are ready. So this much
is paid for the same messages and rows on this stack (Python, these clients, RabbitMQ, Postgres), whatever is done between them.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

import asyncpg
import structlog
import uvloop

from bench.bare import counted
from bench.limits.captured import Batch, Captured
from bench.limits.room import Room
from libs.bus.consumer import BatchConsumer
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Outgoing, Publisher
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    EVENTS,
    NORMALIZER_QUEUE,
    RECONCILER_QUEUE,
    TRANSLATED,
    WEBHOOKS,
)
from libs.embedded.variables import AMQP_URL, POSTGRES_DSN
from libs.runtime.failures import TemporaryError

CAPTURED: Final = "BENCH_CAPTURED"  # the file with what is said to Postgres
DEADLINE: Final = 10.0  # seconds
_TYPE: Final = "application/octet-stream"
_EVENT: Final = bytes(999)  # as long as the events of the corpus are


def _webhooks(message: Message) -> int:
    return int(message.body.partition(b"\n")[0])


async def _publish(publisher: Publisher, messages: Sequence[Outgoing]) -> None:
    outcomes = await publisher.publish_all(messages)
    if any(outcome is not Outcome.CONFIRMED for outcome in outcomes):
        raise TemporaryError("not confirmed")


async def normalizer(url: str, stop: asyncio.Event) -> None:
    """Take batches and tell as much of them as was received."""
    publisher = await Publisher.open(url, name="bare-normalizer", deadline=DEADLINE)

    async def translate(messages: Sequence[Message]) -> None:
        body = counted(sum(map(_webhooks, messages)), b"".join([each.body for each in messages]))
        outgoing = Outgoing(
            exchange=WEBHOOKS, routing_key=TRANSLATED, body=body, content_type=_TYPE
        )
        await _publish(publisher, [outgoing])

    await BatchConsumer(url, NORMALIZER_QUEUE, translate, name="bare-normalizer").run(stop)
    await publisher.close()


async def reconciler(url: str, dsn: str, captured: Captured, stop: asyncio.Event) -> None:
    """Say to Postgres what Caudal said of as many webhooks, and publish what lies in the outbox then."""
    publisher = await Publisher.open(url, name="bare-reconciler", deadline=DEADLINE)
    connection = await asyncpg.connect(dsn)
    room = Room(dsn, clients=1)
    numbers = cycle(range(captured.batches))
    waiting = 0

    async def archive(_messages: Sequence[Message]) -> None:
        """Leave the filing to the batches, which have it with them."""

    async def reconcile(messages: Sequence[Message]) -> None:
        nonlocal waiting
        waiting += sum(map(_webhooks, messages))
        while waiting >= captured.webhooks:
            number = next(numbers)
            if number == 0:
                await room.empty()
            await _commit(connection, captured.clients[0][number])
            await _tell(connection, publisher)
            waiting -= captured.webhooks

    await asyncio.gather(
        BatchConsumer(url, ARCHIVE_QUEUE, archive, name="bare-archive").run(stop),
        BatchConsumer(url, RECONCILER_QUEUE, reconcile, name="bare-outcomes").run(stop),
    )
    await publisher.close()
    await connection.close()


async def _commit(connection: asyncpg.Connection[asyncpg.Record], batch: Batch) -> None:
    for call in batch:
        if call.arguments:
            await connection.fetch(call.statement, *call.arguments)
        else:
            await connection.execute(call.statement)


async def _tell(connection: asyncpg.Connection[asyncpg.Record], publisher: Publisher) -> None:
    async with connection.transaction():
        events = await connection.fetch("select id from outbox")
        await _publish(
            publisher,
            [
                Outgoing(exchange=EVENTS, routing_key="bare", body=_EVENT, content_type=_TYPE)
                for _ in events
            ],
        )
        await connection.execute("delete from outbox")


async def _run(role: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = os.environ[AMQP_URL]
    if role == "normalizer":
        await normalizer(url, stop)
        return
    await reconciler(url, os.environ[POSTGRES_DSN], _captured(), stop)


def _captured() -> Captured:
    path = Path(os.environ[CAPTURED])
    found: Captured = pickle.loads(path.read_bytes())  # noqa: S301 - the scene wrote it
    return found


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1]))
