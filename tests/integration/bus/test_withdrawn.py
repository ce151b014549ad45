"""What an operator takes away and gives back: nobody has to be restarted, and nothing is lost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from urllib.parse import urlsplit

import pytest
from aio_pika.abc import AbstractChannel

from libs.bus.consumer import BatchConsumer
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, RECEIVED, WEBHOOKS, apply_topology
from libs.embedded.rabbitmq import EmbeddedRabbit
from tests.integration.bus.test_manners import running
from tests.integration.bus.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]

RESTARTS = 5
RECOVERED_WITHIN = 60.0


class Handler:
    """Keeps what was handled."""

    def __init__(self) -> None:
        self.done: list[bytes] = []

    async def __call__(self, batch: Sequence[Message]) -> None:
        self.done += [message.body for message in batch]


async def send(publisher: Publisher, body: bytes) -> Outcome:
    return await publisher.publish(WEBHOOKS, RECEIVED, body, content_type="text/plain")


async def confirmed(publisher: Publisher, body: bytes) -> bool:
    return await send(publisher, body) is Outcome.CONFIRMED


@contextlib.asynccontextmanager
async def without_permissions(broker: EmbeddedRabbit, url: str) -> AsyncIterator[None]:
    user = urlsplit(url).username or ""
    vhost = urlsplit(url).path.lstrip("/") or "/"
    await broker.control("clear_permissions", "-p", vhost, user)
    try:
        yield
    finally:
        await broker.control("set_permissions", "-p", vhost, user, ".*", ".*", ".*")


async def test_withdrawn_permissions_come_back(
    url: str, broker: EmbeddedRabbit, publisher: Publisher
) -> None:
    handler = Handler()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test")
    async with running(consumer):
        await until(lambda: consumer.consuming)
        async with without_permissions(broker, url):
            assert await send(publisher, b"refused") is not Outcome.CONFIRMED
        await until(lambda: confirmed(publisher, b"again"), RECOVERED_WITHIN)
        await until(lambda: b"again" in handler.done, RECOVERED_WITHIN)
    assert b"refused" not in handler.done


async def test_deleted_exchange_comes_back(
    url: str, channel: AbstractChannel, publisher: Publisher
) -> None:
    """The publisher never takes it for a confirm, and goes on by itself."""
    handler = Handler()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test")
    async with running(consumer):
        await channel.exchange_delete(WEBHOOKS)
        assert await send(publisher, b"lost") is not Outcome.CONFIRMED
        await apply_topology(url)
        await until(lambda: confirmed(publisher, b"again"), RECOVERED_WITHIN)
        await until(lambda: b"again" in handler.done)
    assert b"lost" not in handler.done


@pytest.mark.slow
async def test_five_restarts_lose_nothing(
    url: str, broker: EmbeddedRabbit, publisher: Publisher
) -> None:
    """Graceful ones and kills in turn; what was confirmed in between is handled."""
    handler = Handler()
    consumer = BatchConsumer(url, NORMALIZER_QUEUE, handler, name="test")
    kept: set[bytes] = set()
    async with running(consumer):
        for number in range(RESTARTS):
            body = b"%d" % number
            await until(partial(confirmed, publisher, body), RECOVERED_WITHIN)
            kept.add(body)
            await (broker.kill() if number % 2 else broker.stop())
            await broker.start()
        await until(lambda: confirmed(publisher, b"last"), RECOVERED_WITHIN)
        await until(lambda: kept | {b"last"} <= set(handler.done), RECOVERED_WITHIN)
