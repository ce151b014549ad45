"""From a door that lets nobody in to a row in the database, through a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import aiohttp
import pytest

from libs.bus.consumer import BatchConsumer
from libs.bus.itemwise import Limits
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import queue_depths
from libs.bus.topology import DEAD_QUEUE, NOTICED, NOTICES_QUEUE, WEBHOOKS, apply_topology
from libs.contracts.notice import CONTENT_TYPE, AuthFailure, NotLetIn, encode
from libs.store.database import Pool
from services.reconciler.noticing import noticing
from tests.integration.bus.waiting import until
from tests.integration.ingress.running import ingress_before
from tests.integration.store.rooms import value
from tests.integration.store.test_arrivals import not_let_in, notice

pytestmark = pytest.mark.servers


@asynccontextmanager
async def counting(amqp_url: str, pool: Pool) -> AsyncIterator[Publisher]:
    """Consume the notices for the length of the block; gives a publisher."""
    await apply_topology(amqp_url)
    publisher = await Publisher.open(amqp_url, name="test")
    handle = noticing(pool, publisher, Limits(max_attempts=1))
    consumer = BatchConsumer(amqp_url, NOTICES_QUEUE, handle, name="test-notices")
    stop = asyncio.Event()
    consuming = asyncio.create_task(consumer.run(stop))
    try:
        yield publisher
    finally:
        stop.set()
        await consuming
        await publisher.close()


async def send(publisher: Publisher, body: bytes) -> None:
    outcome = await publisher.publish(WEBHOOKS, NOTICED, body, content_type=CONTENT_TYPE)
    assert outcome is Outcome.CONFIRMED


async def test_notice_that_comes_twice_counts_once(amqp_url: str, pool: Pool) -> None:
    twice = encode(notice(1, NotLetIn("shop", AuthFailure.WRONG, 3)))
    last = encode(notice(2, NotLetIn("shop", AuthFailure.MISSING, 1)))
    async with counting(amqp_url, pool) as publisher:
        for body in (twice, twice, last):
            await send(publisher, body)

        async def arrived() -> bool:
            return ("shop", "missing") in await not_let_in(pool)

        await until(arrived)
    assert await not_let_in(pool) == {("shop", "wrong"): 3, ("shop", "missing"): 1}


async def test_unreadable_notice_is_buried_and_holds_nobody_up(amqp_url: str, pool: Pool) -> None:
    async with counting(amqp_url, pool) as publisher:
        await send(publisher, b"{}")
        await send(publisher, encode(notice(1, NotLetIn("shop", AuthFailure.WRONG, 1))))

        async def done() -> bool:
            depths = await queue_depths(amqp_url, [DEAD_QUEUE])
            return depths == {DEAD_QUEUE: 1} and bool(await not_let_in(pool))

        await until(done)


async def test_strangers_at_the_door_are_counted_in_the_database(amqp_url: str, pool: Pool) -> None:
    """In few messages, and without a word of what they brought."""
    async with counting(amqp_url, pool):
        async with ingress_before(amqp_url) as url, aiohttp.ClientSession() as http:
            for number in range(30):
                token = f"?token=guess-{number}" if number % 3 else ""
                async with http.post(f"{url}/webhooks/clip{token}", json={"a": 1}) as answer:
                    assert answer.status == 401

        async def counted() -> bool:
            return await not_let_in(pool) == {("clip", "wrong"): 20, ("clip", "missing"): 10}

        await until(counted)
    assert await value(pool, "select count(*) from notices") in {1, 2}


async def test_missing_queue_is_no_trouble_for_webhooks(amqp_url: str) -> None:
    """The notice is returned; what is let in is taken as ever, and the stop is clean."""
    await apply_topology(amqp_url)
    await _delete(amqp_url, NOTICES_QUEUE)
    async with ingress_before(amqp_url) as url, aiohttp.ClientSession() as http:
        async with http.post(f"{url}/webhooks/clip?token=guess", json={}) as answer:
            assert answer.status == 401
        async with http.post(f"{url}/webhooks/clip?token=dev-clip-token", json={}) as answer:
            assert answer.status == 200


async def _delete(amqp_url: str, queue: str) -> None:
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        await channel.queue_delete(queue)
