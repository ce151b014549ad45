"""What the publisher says is what the broker did."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from aio_pika.abc import AbstractChannel

from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import queue_depths
from libs.bus.topology import NORMALIZER_QUEUE, RECEIVED, WEBHOOKS
from libs.embedded.rabbitmq import EmbeddedRabbit
from tests.integration.bus.waiting import standing_still, until

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]

JSON = "application/json"


async def test_routed_message_is_confirmed(url: str, publisher: Publisher) -> None:
    outcome = await publisher.publish(WEBHOOKS, RECEIVED, b"one", content_type=JSON)

    assert outcome is Outcome.CONFIRMED
    assert await queue_depths(url, [NORMALIZER_QUEUE]) == {NORMALIZER_QUEUE: 1}


async def test_unbound_key_is_returned(publisher: Publisher) -> None:
    outcome = await publisher.publish(WEBHOOKS, "nobody.listens", b"one", content_type=JSON)

    assert outcome is Outcome.RETURNED
    assert publisher.ready


async def test_simultaneous_verdicts_stay_apart(publisher: Publisher) -> None:
    keys = [RECEIVED, "nobody.listens"] * 50
    outcomes = await asyncio.gather(
        *(publisher.publish(WEBHOOKS, key, b"one", content_type=JSON) for key in keys)
    )

    assert outcomes == [Outcome.CONFIRMED, Outcome.RETURNED] * 50


async def test_full_queue_is_refused(channel: AbstractChannel, publisher: Publisher) -> None:
    full = f"test.full.{uuid4().hex}"
    queue = await channel.declare_queue(
        full,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-max-length": 1,
            "x-overflow": "reject-publish",
        },
    )
    outcomes = [await publisher.publish("", full, b"x", content_type=JSON) for _ in range(10)]
    await queue.delete(if_unused=False, if_empty=False)

    assert outcomes[0] is Outcome.CONFIRMED
    assert outcomes[-1] is Outcome.REFUSED


async def test_lifted_limit_is_noticed(
    broker: EmbeddedRabbit, url: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker would refuse on the old channel for ever."""
    monkeypatch.setattr("libs.bus.publisher.RENEW_AFTER", 0.5)
    limit = '{"max-length":1,"overflow":"reject-publish"}'
    await broker.control("set_policy", "full", f"^{NORMALIZER_QUEUE}$", limit)

    async def outcome() -> Outcome:
        return await publisher.publish(WEBHOOKS, RECEIVED, b"x", content_type=JSON)

    async def refused() -> bool:
        return await outcome() is Outcome.REFUSED

    async def confirmed() -> bool:
        return await outcome() is Outcome.CONFIRMED

    try:
        await until(refused)
    finally:
        await broker.control("clear_policy", "full")
    await until(confirmed)

    assert await queue_depths(url, [NORMALIZER_QUEUE]) != {NORMALIZER_QUEUE: 0}


async def test_missing_exchange_heals_itself(publisher: Publisher) -> None:
    """The broker closes the channel over it: unknown for all under way, and a new channel."""
    lost = await publisher.publish("caudal.nowhere", RECEIVED, b"one", content_type=JSON)
    await until(lambda: publisher.ready)
    found = await publisher.publish(WEBHOOKS, RECEIVED, b"one", content_type=JSON)

    assert [lost, found] == [Outcome.UNKNOWN, Outcome.CONFIRMED]


async def test_headers_and_type_arrive(channel: AbstractChannel, publisher: Publisher) -> None:
    await publisher.publish(
        WEBHOOKS,
        RECEIVED,
        b"{}",
        content_type=JSON,
        headers={"attempt": 3, "source": "clip"},
        message_type="caudal.batch.v1",
    )
    message = await (await channel.get_queue(NORMALIZER_QUEUE)).get(no_ack=True)

    assert message is not None
    assert (message.body, message.content_type, message.type) == (b"{}", JSON, "caudal.batch.v1")
    assert (message.headers["attempt"], message.headers["source"]) == (3, "clip")
    assert message.delivery_mode == 2


async def test_stopped_broker_is_unknown(url: str, broker: EmbeddedRabbit) -> None:
    """No answer within the deadline is no knowledge; and what was sent may arrive afterwards."""
    publisher = await Publisher.open(url, name="test-stopped", deadline=0.5)
    async with standing_still(broker):
        began = time.monotonic()
        outcome = await publisher.publish(WEBHOOKS, RECEIVED, b"late", content_type=JSON)
        took = time.monotonic() - began
        ready = publisher.ready

    assert outcome is Outcome.UNKNOWN
    assert took < 1.0
    assert not ready
    await until(lambda: publisher.ready)
    again = await publisher.publish(WEBHOOKS, RECEIVED, b"next", content_type=JSON)
    assert again is Outcome.CONFIRMED
    await publisher.close()


async def test_closing_is_bounded_on_stopped_broker(url: str, broker: EmbeddedRabbit) -> None:
    publisher = await Publisher.open(url, name="test-closing", deadline=0.5)
    async with standing_still(broker):
        async with asyncio.timeout(5):
            await publisher.close()


async def test_cancelling_the_caller_is_raised(url: str, broker: EmbeddedRabbit) -> None:
    publisher = await Publisher.open(url, name="test-cancel")
    async with standing_still(broker):
        task = asyncio.create_task(publisher.publish(WEBHOOKS, RECEIVED, b"x", content_type=JSON))
        await until(lambda: publisher._under_way)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await publisher.close()


async def test_nobody_there_is_refused_at_once() -> None:
    """Open before the broker is up: not ready, quick to refuse, and no exception."""
    publisher = await Publisher.open("amqp://guest:guest@127.0.0.1:1/", name="test", deadline=0.2)
    outcome = await publisher.publish(WEBHOOKS, RECEIVED, b"one", content_type=JSON)
    ready = publisher.ready
    await publisher.close()

    assert (outcome, ready) == (Outcome.REFUSED, False)


async def test_alarm_blocks_and_clears(url: str, broker: EmbeddedRabbit) -> None:
    """The first publish under an alarm is unknown, the next are refused without being sent."""
    publisher = await Publisher.open(url, name="test-alarm", deadline=1.0)
    await broker.control("set_disk_free_limit", "999GB")
    try:
        first = await publisher.publish(WEBHOOKS, RECEIVED, b"held", content_type=JSON)
        second = await publisher.publish(WEBHOOKS, RECEIVED, b"kept", content_type=JSON)
        ready = publisher.ready
    finally:
        await broker.control("set_disk_free_limit", "100MB")

    assert (first, second, ready) == (Outcome.UNKNOWN, Outcome.REFUSED, False)
    await until(lambda: publisher.ready)
    third = await publisher.publish(WEBHOOKS, RECEIVED, b"after", content_type=JSON)
    assert third is Outcome.CONFIRMED
    await publisher.close()
