"""One suite for both buses: what services may rely on, with a broker and in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import pytest
import pytest_asyncio

from libs.bus.attempts import Tried, set_back, tried
from libs.bus.consumer import BatchConsumer, Handle
from libs.bus.front_door import deliver
from libs.bus.memory import MemoryBus, MemoryConsumer, matches
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    EVENTS,
    EVENTS_QUEUE,
    NORMALIZER_QUEUE,
    RECEIVED,
    TO_ARCHIVE,
    WEBHOOKS,
)
from libs.contracts.webhook_received import CONTENT_TYPE
from libs.runtime.failures import TemporaryError
from tests.integration.bus.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]


class Bus(Protocol):
    """A publisher, and consumers that run for as long as a block lasts."""

    publisher: Publisher | MemoryBus

    def consuming(
        self, queue: str, handle: Handle, max_messages: int = 100
    ) -> contextlib.AbstractAsyncContextManager[None]: ...


@contextlib.asynccontextmanager
async def running(consumer: BatchConsumer | MemoryConsumer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


class Real:
    def __init__(self, url: str, publisher: Publisher) -> None:
        self.publisher: Publisher | MemoryBus = publisher
        self._url = url

    def consuming(
        self, queue: str, handle: Handle, max_messages: int = 100
    ) -> contextlib.AbstractAsyncContextManager[None]:
        name = f"test-{queue}"
        return running(
            BatchConsumer(self._url, queue, handle, name=name, max_messages=max_messages)
        )


class InMemory:
    def __init__(self) -> None:
        self._bus = MemoryBus()
        self.publisher: Publisher | MemoryBus = self._bus

    def consuming(
        self, queue: str, handle: Handle, max_messages: int = 100
    ) -> contextlib.AbstractAsyncContextManager[None]:
        return running(MemoryConsumer(self._bus, queue, handle, max_messages=max_messages))


@pytest_asyncio.fixture(loop_scope="session", params=["real", "memory"])
async def bus(request: pytest.FixtureRequest, url: str, publisher: Publisher) -> Bus:
    """Give each of the two."""
    return Real(url, publisher) if request.param == "real" else InMemory()


async def send(bus: Bus, body: bytes, exchange: str = WEBHOOKS, key: str = RECEIVED) -> Outcome:
    return await bus.publisher.publish(
        exchange, key, body, content_type="text/plain", headers={"n": len(body)}
    )


async def test_outcomes_are_the_same(bus: Bus) -> None:
    assert await send(bus, b"a") is Outcome.CONFIRMED
    assert await send(bus, b"a", key="nobody.listens") is Outcome.RETURNED
    assert await send(bus, b"a", EVENTS, "payment.paid.clip") is Outcome.CONFIRMED
    assert bus.publisher.ready


async def test_both_queues_get_a_delivery(bus: Bus) -> None:
    """Each by a publish of its own: a queue that is missing does not hide behind the other."""
    got: dict[str, list[Message]] = {NORMALIZER_QUEUE: [], ARCHIVE_QUEUE: [], EVENTS_QUEUE: []}

    def keep(queue: str) -> Handle:
        async def handle(batch: Sequence[Message]) -> None:
            got[queue] += batch

        return handle

    assert await deliver(bus.publisher, b"abc") is Outcome.CONFIRMED
    async with contextlib.AsyncExitStack() as stack:
        for queue in got:
            await stack.enter_async_context(bus.consuming(queue, keep(queue)))
        await until(lambda: got[NORMALIZER_QUEUE] and got[ARCHIVE_QUEUE])

    assert got[EVENTS_QUEUE] == []
    for queue, key in ((NORMALIZER_QUEUE, RECEIVED), (ARCHIVE_QUEUE, TO_ARCHIVE)):
        [message] = got[queue]
        assert (message.body, message.routing_key) == (b"abc", key)
        assert message.content_type == CONTENT_TYPE
        assert message.message_id


async def test_order_and_limit_are_kept(bus: Bus) -> None:
    calls: list[list[bytes]] = []

    async def handle(batch: Sequence[Message]) -> None:
        calls.append([message.body for message in batch])

    sent = [str(number).encode() for number in range(20)]
    for body in sent:
        await send(bus, body)
    async with bus.consuming(NORMALIZER_QUEUE, handle, max_messages=3):
        await until(lambda: sum(map(len, calls)) == 20)

    assert [body for call in calls for body in call] == sent
    assert max(map(len, calls)) <= 3


async def test_failing_batch_comes_back_whole(bus: Bus) -> None:
    """It is tried again as it was, survives a stop, and is gone once it succeeded."""
    calls: list[list[bytes]] = []
    healthy = False

    async def handle(batch: Sequence[Message]) -> None:
        calls.append([message.body for message in batch])
        if not healthy:
            raise TemporaryError("not now", after=0.01)

    await send(bus, b"0")
    await send(bus, b"1")
    async with bus.consuming(NORMALIZER_QUEUE, handle):
        await until(lambda: len(calls) >= 3)
    assert all(call == calls[0] for call in calls)

    healthy = True
    calls.clear()
    async with bus.consuming(NORMALIZER_QUEUE, handle):
        await until(lambda: sum(map(len, calls)) == 2)
        await send(bus, b"2")
        await until(lambda: sum(map(len, calls)) == 3)
    assert [body for call in calls for body in call] == [b"0", b"1", b"2"]


async def test_delayed_message_returns_home(bus: Bus) -> None:
    """To its own queue and to no other, with what we counted, after its time."""
    got: dict[str, list[Message]] = {NORMALIZER_QUEUE: [], ARCHIVE_QUEUE: []}
    came: list[float] = []

    def keep(queue: str) -> Handle:
        async def handle(batch: Sequence[Message]) -> None:
            got[queue] += batch
            came.append(clock())

        return handle

    clock = asyncio.get_running_loop().time
    async with contextlib.AsyncExitStack() as stack:
        for queue in got:
            await stack.enter_async_context(bus.consuming(queue, keep(queue)))
        sent = clock()
        for failed in (1, 2):
            await set_back(
                bus.publisher, NORMALIZER_QUEUE, b"%d" % failed,
                content_type=CONTENT_TYPE, so_far=Tried(failed=failed),
            )  # fmt: skip
        await until(lambda: len(got[NORMALIZER_QUEUE]) == 2)

    assert [tried(message) for message in got[NORMALIZER_QUEUE]] == [Tried(1), Tried(2)]
    assert got[NORMALIZER_QUEUE][0].content_type == CONTENT_TYPE
    assert got[ARCHIVE_QUEUE] == []
    first, second = (moment - sent for moment in came)
    assert first >= 0.45
    assert 2.45 <= second <= 6.5


@pytest.mark.parametrize(
    ("pattern", "key", "taken"),
    [
        ("#", "payment.paid.clip", True),
        ("payment.#", "payment", True),
        ("*.paid.*", "payment.paid.clip", True),
        ("*.paid", "payment.paid.clip", False),
        ("#.clip", "payment.paid.clip", True),
        ("payment.*", "payment", False),
        (RECEIVED, RECEIVED, True),
    ],
)
async def test_topic_patterns_match_words(pattern: str, key: str, *, taken: bool) -> None:
    assert matches(pattern, key) is taken
