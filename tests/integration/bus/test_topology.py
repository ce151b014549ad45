"""What is declared, what differs, and what a watcher sees."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from uuid import uuid4

import pytest
from aio_pika.abc import AbstractChannel

from libs.bus import topology
from libs.bus.front_door import deliver
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import queue_depths, tail
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    DEAD_QUEUE,
    EVENTS,
    EVENTS_QUEUE,
    NORMALIZER_QUEUE,
    QUEUES,
    RECEIVED,
    WEBHOOKS,
    TopologyConflictError,
    apply_topology,
)
from libs.runtime.failures import PermanentError, TemporaryError
from tests.integration.bus.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]


async def test_applying_twice_changes_nothing(url: str, publisher: Publisher) -> None:
    await publisher.publish(WEBHOOKS, RECEIVED, b"kept", content_type="text/plain")
    report = await apply_topology(url)

    assert report.queues == tuple(queue.name for queue in QUEUES)
    assert (await queue_depths(url, report.queues))[NORMALIZER_QUEUE] == 1


async def test_changed_argument_names_the_queue(url: str, channel: AbstractChannel) -> None:
    """The difference is told, and what comes after it is declared all the same."""
    wrong = f"test.wrong.{uuid4().hex}"
    right = f"test.right.{uuid4().hex}"
    await channel.declare_queue(wrong, durable=True, arguments={"x-queue-type": "quorum"})
    queues = tuple(
        dataclasses.replace(QUEUES[1], name=name, exchange=EVENTS) for name in (wrong, right)
    )

    with pytest.raises(TopologyConflictError, match=f"queue {wrong} differs"):
        await apply_topology(url, exchanges=(), queues=queues)
    assert await queue_depths(url, [right]) == {right: 0}

    for name in (wrong, right):
        await channel.queue_delete(name)


@pytest.mark.parametrize("missing", [NORMALIZER_QUEUE, ARCHIVE_QUEUE])
async def test_one_missing_queue_is_noticed(
    url: str, channel: AbstractChannel, publisher: Publisher, missing: str
) -> None:
    """The other queue takes its copy, and the delivery counts as not safe all the same."""
    await channel.queue_delete(missing, if_unused=False, if_empty=False)
    assert await deliver(publisher, b"half") is Outcome.RETURNED
    await apply_topology(url)
    assert await deliver(publisher, b"whole") is Outcome.CONFIRMED
    depths = await queue_depths(url, [NORMALIZER_QUEUE, ARCHIVE_QUEUE])
    assert depths == {NORMALIZER_QUEUE: 2, ARCHIVE_QUEUE: 2, missing: 1}


async def test_binding_of_old_is_kept_until_retired(
    url: str, channel: AbstractChannel, publisher: Publisher
) -> None:
    """An ingress of an earlier version publishes once for both queues, until it is gone."""
    queue = await channel.get_queue(ARCHIVE_QUEUE)
    await queue.bind(WEBHOOKS, RECEIVED)
    await apply_topology(url)
    await publisher.publish(WEBHOOKS, RECEIVED, b"old", content_type="text/plain")
    assert await queue_depths(url, [ARCHIVE_QUEUE]) == {ARCHIVE_QUEUE: 1}

    await apply_topology(url, retire=True)
    await publisher.publish(WEBHOOKS, RECEIVED, b"new", content_type="text/plain")
    assert await queue_depths(url, [ARCHIVE_QUEUE]) == {ARCHIVE_QUEUE: 1}


async def test_absent_broker_is_temporary() -> None:
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1:1 ") as raised:
        await apply_topology("amqp://guest:hush@127.0.0.1:1/")

    assert "hush" not in str(raised.value)


async def test_rejected_message_reaches_dead_queue(
    url: str, channel: AbstractChannel, publisher: Publisher
) -> None:
    await publisher.publish(WEBHOOKS, RECEIVED, b"poison", content_type="text/plain")
    message = await (await channel.get_queue(NORMALIZER_QUEUE)).get()
    assert message is not None
    await message.reject(requeue=False)

    async def arrived() -> bool:
        return await queue_depths(url, [DEAD_QUEUE]) == {DEAD_QUEUE: 1}

    await until(arrived)


async def test_event_without_queue_is_returned(
    url: str, channel: AbstractChannel, publisher: Publisher
) -> None:
    """A downstream deleted the default queue: the relay hears of it and keeps its events."""
    await channel.queue_delete(EVENTS_QUEUE)
    gone = await publisher.publish(EVENTS, "payment.paid.clip", b"{}", content_type="text/plain")
    await apply_topology(url)
    back = await publisher.publish(EVENTS, "payment.paid.clip", b"{}", content_type="text/plain")

    assert [gone, back] == [Outcome.RETURNED, Outcome.CONFIRMED]


async def test_missing_queue_has_no_depth(url: str) -> None:
    with pytest.raises(PermanentError, match=r"no queue test\.absent"):
        await queue_depths(url, ["test.absent"])


async def test_tail_takes_from_nobody(url: str, publisher: Publisher) -> None:
    async with tail(url, EVENTS, "payment.#") as events:
        await publisher.publish(EVENTS, "payout.paid.clip", b"other", content_type="text/plain")
        await publisher.publish(EVENTS, "payment.paid.clip", b"mine", content_type="text/plain")
        async with asyncio.timeout(5):
            seen = await anext(events)

    assert (seen.body, seen.routing_key) == (b"mine", "payment.paid.clip")
    assert await queue_depths(url, [EVENTS_QUEUE]) == {EVENTS_QUEUE: 2}


async def test_missing_exchange_cannot_be_tailed(url: str) -> None:
    with pytest.raises(PermanentError, match=r"no exchange test\.absent"):
        async with tail(url, "test.absent"):
            pass


async def test_topology_is_plain_data() -> None:
    shown = json.loads(json.dumps(topology.topology()))

    assert {queue["name"] for queue in shown["queues"]} == {queue.name for queue in QUEUES}
    assert all(queue["arguments"]["x-queue-type"] == "quorum" for queue in shown["queues"])
