"""The consumer acknowledges what was handled, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
import structlog
from aio_pika.abc import AbstractChannel

from libs.bus.consumer import BatchConsumer
from libs.bus.link import connected
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, RECEIVED, WEBHOOKS, apply_topology
from libs.runtime.failures import TemporaryError
from tests.integration.bus.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]


class Handler:
    """Keeps what it was given; fails, or holds a batch, when told to."""

    def __init__(self) -> None:
        self.calls: list[list[bytes]] = []
        self.done: list[bytes] = []
        self.failing = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, batch: Sequence[Message]) -> None:
        bodies = [message.body for message in batch]
        self.calls.append(bodies)
        await self.gate.wait()
        if self.failing:
            raise TemporaryError("not now", after=0.01)
        self.done += bodies


@contextlib.asynccontextmanager
async def running(consumer: BatchConsumer) -> AsyncIterator[asyncio.Event]:
    """Run the consumer for as long as the block lasts; the event stops it earlier."""
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        await until(lambda: consumer.consuming)
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


async def send(publisher: Publisher, count: int) -> list[bytes]:
    """Publish numbered messages one after the other, and return their bodies."""
    bodies = [str(number).encode() for number in range(count)]
    for body in bodies:
        outcome = await publisher.publish(WEBHOOKS, RECEIVED, body, content_type="text/plain")
        assert outcome is Outcome.CONFIRMED
    return bodies


async def holds(url: str, count: int) -> None:
    """Wait until the queue has no consumer, and with that nothing in hand, and so many messages."""

    async def settled() -> bool:
        queue = await channel.queue_declare(NORMALIZER_QUEUE, passive=True)
        return (queue.consumer_count, queue.message_count) == (0, count)

    async with connected(url, name="test-left") as connection:
        channel = await connection.channel()
        await until(settled)


async def test_batches_take_what_is_there(url: str, publisher: Publisher) -> None:
    """One message goes alone; those that arrive meanwhile go together, up to the limit, in order."""
    handler = Handler()
    handler.gate.clear()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test", max_messages=10)
    async with running(consumer):
        first = await send(publisher, 1)
        await until(lambda: handler.calls)
        rest = await send(publisher, 25)
        handler.gate.set()
        await until(lambda: len(handler.done) == 26)

    assert [len(call) for call in handler.calls] == [1, 10, 10, 5]
    assert handler.done == first + rest
    await holds(url, 0)


async def test_batches_respect_the_bytes(url: str, publisher: Publisher) -> None:
    handler = Handler()
    await send(publisher, 10)
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test", max_bytes=3)
    async with running(consumer):
        await until(lambda: len(handler.done) == 10)

    assert max(len(call) for call in handler.calls) <= 3


async def test_multiple_ack_empties_the_queue(url: str, publisher: Publisher) -> None:
    handler = Handler()
    sent = await send(publisher, 300)
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test", prefetch=50)
    async with running(consumer):
        await until(lambda: len(handler.done) == 300)

    assert handler.done == sent
    assert consumer.counts["stale"] == 0
    await holds(url, 0)


async def test_failing_batch_is_held(url: str, publisher: Publisher) -> None:
    """The same batch is tried again, nothing is acknowledged meanwhile, nothing overtakes it."""
    handler = Handler()
    handler.failing = True
    sent = await send(publisher, 5)
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test", max_messages=2)
    async with running(consumer) as stop:
        await until(lambda: len(handler.calls) > 5)
        first = handler.calls[0]
        stop.set()
        await until(lambda: not consumer.consuming)
    assert all(call == first for call in handler.calls)
    await holds(url, 5)

    handler.failing = False
    async with running(consumer):
        await until(lambda: len(handler.done) == 5)
    assert handler.done == sent
    await holds(url, 0)


async def test_bug_is_held_and_told(url: str, publisher: Publisher) -> None:
    """Any error holds the batch; the log says where it came from and quotes nothing."""
    attempts = 0

    async def handle(_: Sequence[Message]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ValueError("4111111111111111")

    await send(publisher, 1)
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handle, name="test")
    with structlog.testing.capture_logs() as logs:
        async with running(consumer):
            await until(lambda: attempts == 2)
    failed = next(line for line in logs if line["event"] == "batch_failed")

    assert failed["error"] == "ValueError"
    assert "test_consumer.py" in failed["trace"]
    assert "4111111111111111" not in str(logs)
    assert consumer.counts == {"failures": 1, "batches": 1, "handled": 1}
    await holds(url, 0)


async def test_stop_finishes_the_batch(url: str, publisher: Publisher) -> None:
    """What is in hand is done and acknowledged; what was not begun goes back."""
    handler = Handler()
    handler.gate.clear()
    await send(publisher, 10)
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test", max_messages=1)
    async with running(consumer) as stop:
        await until(lambda: handler.calls)
        stop.set()
        await asyncio.sleep(0)
        handler.gate.set()
    assert handler.done == [b"0"]
    await holds(url, 9)


async def test_grace_ends_a_stuck_handler(url: str, publisher: Publisher) -> None:
    handler = Handler()
    handler.gate.clear()
    await send(publisher, 1)
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test", grace=0.2)
    async with running(consumer):
        await until(lambda: handler.calls)
    assert handler.done == []
    await holds(url, 1)


async def test_deleted_queue_is_consumed_again(
    url: str, channel: AbstractChannel, publisher: Publisher
) -> None:
    handler = Handler()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test")
    async with running(consumer):
        await channel.queue_delete(NORMALIZER_QUEUE)
        await until(lambda: not consumer.consuming)
        gone = await publisher.publish(WEBHOOKS, "x", b"", content_type="text/plain")
        await apply_topology(url)
        await send(publisher, 3)
        await until(lambda: len(handler.done) == 3)

    assert gone is Outcome.RETURNED


async def test_forgotten_consumer_notices_itself(
    url: str,
    channel: AbstractChannel,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deleted and declared again at once under a batch in hand: the broker tells nobody."""
    monkeypatch.setattr("libs.bus.consumer.IDLE_FOR", 0.5)
    handler = Handler()
    handler.gate.clear()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test")
    async with running(consumer):
        await send(publisher, 1)
        await until(lambda: handler.calls)
        await channel.queue_delete(NORMALIZER_QUEUE)
        await apply_topology(url)
        handler.gate.set()
        await until(lambda: handler.done == [b"0"])
        await send(publisher, 2)
        await until(lambda: handler.done == [b"0", b"0", b"1"])

    await holds(url, 0)


async def test_idle_renewal_is_quiet(
    url: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle consumer takes a fresh channel again and again, and nobody notices."""
    monkeypatch.setattr("libs.bus.consumer.IDLE_FOR", 0.01)
    handler = Handler()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test")
    with structlog.testing.capture_logs() as logs:
        async with running(consumer):
            for _ in range(20):
                handler.done.clear()
                await send(publisher, 1)
                await until(lambda: handler.done)
                assert consumer.consuming

    assert [line["event"] for line in logs] == ["consumer_linked"]
    await holds(url, 0)
