"""A RabbitMQ node of our own, since these tests stop and kill it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aio_pika
import pytest
import pytest_asyncio
from aio_pika.abc import AbstractChannel

from libs.bus.publisher import Publisher
from libs.bus.topology import QUEUES, apply_topology
from libs.embedded.rabbitmq import EmbeddedRabbit


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedRabbit]:
    """Run a node as long as the tests last."""
    place = tmp_path_factory.mktemp("rabbit")
    async with EmbeddedRabbit(place / "data", place / "log") as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def url(broker: EmbeddedRabbit) -> str:
    """Return the URL of a running node with our topology and empty queues."""
    if broker.node is None:
        await broker.start()
    await apply_topology(broker.url)
    connection = await aio_pika.connect(broker.url)
    async with connection, connection.channel() as channel:
        for queue in QUEUES:
            await (await channel.get_queue(queue.name)).purge()
    return broker.url


@pytest_asyncio.fixture(loop_scope="session")
async def channel(url: str) -> AsyncIterator[AbstractChannel]:
    """Give a plain channel, for what a test does behind our back."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        yield channel


@pytest_asyncio.fixture(loop_scope="session")
async def publisher(url: str) -> AsyncIterator[Publisher]:
    """Give a publisher that is ready."""
    publisher = await Publisher.open(url, name="test-publisher")
    yield publisher
    await publisher.close()
