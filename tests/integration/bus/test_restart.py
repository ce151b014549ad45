"""A broker that is killed under load: what was confirmed is there, and all goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from libs.bus.consumer import BatchConsumer
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, RECEIVED, WEBHOOKS
from libs.embedded.rabbitmq import EmbeddedRabbit
from tests.integration.bus.waiting import standing_still, until

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]

SENDERS = 8
RECOVERED_WITHIN = 60.0


class Load:
    """Publishes numbered messages from several tasks and keeps what became of each."""

    def __init__(self, publisher: Publisher) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self.stop = asyncio.Event()
        self._publisher = publisher
        self._next = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._send())

    def confirmed(self) -> set[int]:
        return {number for number, said in self.outcomes.items() if said is Outcome.CONFIRMED}

    async def _send(self) -> None:
        while not self.stop.is_set():
            number, self._next = self._next, self._next + 1
            body = str(number).encode()
            self.outcomes[number] = await self._publisher.publish(
                WEBHOOKS, RECEIVED, body, content_type="text/plain"
            )
            await asyncio.sleep(0.005)


async def test_killed_broker_loses_nothing_confirmed(
    url: str, broker: EmbeddedRabbit, publisher: Publisher
) -> None:
    received: set[int] = set()

    async def handle(batch: Sequence[Message]) -> None:
        received.update(int(message.body) for message in batch)

    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handle, name="test")
    stop = asyncio.Event()
    load = Load(publisher)
    sending = asyncio.create_task(load.run())
    consuming = asyncio.create_task(consumer.run(stop))

    await until(lambda: len(load.confirmed()) > 200 and received)
    await broker.flush()
    await broker.kill()
    await until(lambda: not publisher.ready and not consumer.consuming)
    before = load.confirmed()
    await broker.start()
    await until(lambda: len(load.confirmed() - before) > 200, RECOVERED_WITHIN)
    load.stop.set()
    await sending
    await until(lambda: load.confirmed() <= received, RECOVERED_WITHIN)
    stop.set()
    await consuming

    assert received <= set(load.outcomes)
    assert set(load.outcomes.values()) <= {Outcome.CONFIRMED, Outcome.REFUSED, Outcome.UNKNOWN}


async def test_silent_broker_is_given_up(
    url: str, broker: EmbeddedRabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing for three heartbeats: what waits gets an outcome, and both ends come back."""
    monkeypatch.setattr("libs.bus.link.HEARTBEAT", 1)

    async def handle(batch: Sequence[Message]) -> None:
        received.extend(message.body for message in batch)

    received: list[bytes] = []
    stop = asyncio.Event()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handle, name="test")
    consuming = asyncio.create_task(consumer.run(stop))
    publisher = await Publisher.open(url, name="test", deadline=20)
    await until(lambda: consumer.consuming)
    async with standing_still(broker):
        outcome = await publisher.publish(WEBHOOKS, RECEIVED, b"0", content_type="text/plain")
        await until(lambda: not consumer.consuming)
    await until(lambda: publisher.ready and consumer.consuming)
    again = await publisher.publish(WEBHOOKS, RECEIVED, b"1", content_type="text/plain")
    await until(lambda: b"1" in received)
    stop.set()
    await consuming
    await publisher.close()

    assert [outcome, again] == [Outcome.UNKNOWN, Outcome.CONFIRMED]


async def test_reconnecting_leaks_no_channel(broker: EmbeddedRabbit, publisher: Publisher) -> None:
    """Closed by the broker five times: one connection with one channel is left."""
    for _ in range(5):
        await publisher.publish("caudal.nowhere", "x", b"", content_type="text/plain")
        await until(lambda: publisher.ready)
    listed = await broker.control("list_connections", "client_properties", "channels")
    ours = [line for line in listed.splitlines() if "test-publisher" in line]

    assert len(ours) == 1
    assert ours[0].split()[-1] == "1"
