"""The way of a poisoned outcome through a real broker: tried, delayed, tried, parked."""

from __future__ import annotations

import asyncio

import pytest

from libs.bus.consumer import BatchConsumer
from libs.bus.itemwise import Limits
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import backlog
from libs.bus.topology import QUEUES, RECONCILER_QUEUE, TRANSLATED, WEBHOOKS, apply_topology
from libs.contracts import webhook_translated
from libs.store.database import Pool
from services.reconciler.handling import Reconciler
from services.reconciler.relay import Relay
from tests.integration.bus.waiting import until
from tests.integration.store.rooms import fetch, value
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, told

pytestmark = pytest.mark.servers


async def test_poison_is_parked_in_end(amqp_url: str, pool: Pool) -> None:
    """After two attempts of ours; its neighbours are folded at the first, and nothing is left."""
    await apply_topology(amqp_url)
    publisher = await Publisher.open(amqp_url, name="test")
    ours = Reconciler(pool, publisher, Relay(pool, publisher), Limits(max_attempts=2))
    consumer = BatchConsumer(amqp_url, RECONCILER_QUEUE, ours.reconcile, name="test")
    stop = asyncio.Event()
    consuming = asyncio.create_task(consumer.run(stop))
    poison = told(2, about("p-2", pending(provider_status="a\x00b")))
    outcomes = (told(1, about("p-1", paid(at=1))), poison, told(3, about("p-3", paid(at=1))))
    try:
        said = await publisher.publish(
            WEBHOOKS,
            TRANSLATED,
            webhook_translated.encode(outcomes),
            content_type=webhook_translated.CONTENT_TYPE,
        )
        assert said is Outcome.CONFIRMED
        await until(lambda: _count(pool, "objects", 2))
        assert await value(pool, "select count(*) from parked") == 0
        await until(lambda: _count(pool, "parked", 1))
    finally:
        stop.set()
        await consuming
        await publisher.close()
    [row] = await fetch(pool, "select reason, attempts, detail from parked")
    assert (row["reason"], row["attempts"]) == ("failed", 2)
    assert "services/reconciler/apply.py" in row["detail"]
    assert await backlog(amqp_url, [queue.name for queue in QUEUES]) == 0


async def _count(pool: Pool, table: str, count: int) -> bool:
    return await value(pool, f"select count(*) from {table}") == count  # noqa: S608 - ours
