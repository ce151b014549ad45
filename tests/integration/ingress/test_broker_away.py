"""While a real broker is away, hangs or lacks a queue: 2xx by the spool, and then all arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aio_pika
import aiohttp
import pytest

from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, apply_topology
from libs.embedded.rabbitmq import EmbeddedRabbit
from tests.integration.ingress.running import ingress_before, messages_of
from tests.servers import RunningServers

pytestmark = pytest.mark.servers

CLIP = "/webhooks/clip?token=dev-clip-token"
DEADLINE = 1.0  # seconds
MARGIN = 0.5  # beside it, for a machine that is busy
ALL = (NORMALIZER_QUEUE, ARCHIVE_QUEUE)


@dataclass
class Sender:
    """Posts to one ingress; every answer must come within the deadline."""

    http: aiohttp.ClientSession
    url: str

    async def post(self, body: bytes) -> int:
        clock = asyncio.get_running_loop().time
        began = clock()
        async with self.http.post(self.url + CLIP, data=body) as answer:
            assert clock() - began < DEADLINE + MARGIN
            return answer.status

    async def post_all(self, bodies: Iterable[bytes]) -> list[int]:
        return [await self.post(body) for body in bodies]

    async def level(self) -> tuple[int, str]:
        async with self.http.get(self.url + "/health/ready") as answer:
            return answer.status, (await answer.json())["level"]

    async def until_level(self, level: str) -> None:
        async with asyncio.timeout(60):
            while (await self.level())[1] != level:
                await asyncio.sleep(0.05)

    async def until_drained(self) -> None:
        """Wait until nothing is in the spool: a broker is tried again before it has taken all of that."""
        async with asyncio.timeout(60):
            while "caudal_spool_records 0.0\n" not in await self._metrics():
                await asyncio.sleep(0.05)

    async def _metrics(self) -> str:
        async with self.http.get(self.url + "/metrics") as answer:
            return await answer.text()


@asynccontextmanager
async def sender(amqp_url: str, **settings: object) -> AsyncIterator[Sender]:
    told = {"publish_deadline": DEADLINE, **settings}
    async with ingress_before(amqp_url, **told) as url, aiohttp.ClientSession() as http:
        yield Sender(http, url)


async def arrived(amqp_url: str, queue: str) -> list[bytes]:
    """Bodies by delivery: what was sent again under its delivery id is one and the same."""
    deliveries = [one for batch in await messages_of(amqp_url, queue) for one in batch]
    bodies = {one.id: one.body for one in deliveries}
    assert all(one.body == bodies[one.id] for one in deliveries)
    return [*bodies.values()]


def numbered(count: int) -> list[bytes]:
    return [b'{"id":"%d"}' % number for number in range(count)]


async def test_missing_queues_are_spooled_for(amqp_url: str) -> None:
    """Each arrives; twice where it was tried while only one of the two queues was there yet."""
    async with sender(amqp_url) as ingress:
        assert await ingress.post_all(numbered(3)) == [200] * 3
        assert await ingress.level() == (200, "spooling")
        await apply_topology(amqp_url)
        await ingress.until_level("confirmed")
        await ingress.until_drained()
    for queue in ALL:
        assert sorted(await arrived(amqp_url, queue)) == numbered(3)


@pytest.mark.parametrize("queue", ALL)
async def test_deleted_queue_loses_nothing(amqp_url: str, queue: str) -> None:
    """One of the two is missing, and the other one takes every message: no confirm all the same."""
    await apply_topology(amqp_url)
    async with sender(amqp_url) as ingress:
        await ingress.until_level("confirmed")
        await delete(amqp_url, queue)
        assert await ingress.post_all(numbered(5)) == [200] * 5
        assert await ingress.level() == (200, "spooling")
        await apply_topology(amqp_url)
        await ingress.until_level("confirmed")
        assert await ingress.post(b'{"id":"after"}') == 200
        await ingress.until_drained()
    for each in ALL:
        assert sorted(await arrived(amqp_url, each)) == sorted([*numbered(5), b'{"id":"after"}'])


async def test_memory_alarm_is_spooled_for(amqp_url: str, servers: RunningServers) -> None:
    broker = servers.addresses.rabbitmq
    if broker is None:
        pytest.skip("a broker of others: its watermark is not ours")
    await apply_topology(amqp_url)

    async def watermark(share: str) -> None:
        await asyncio.to_thread(servers.run, broker.control("set_vm_memory_high_watermark", share))

    async with sender(amqp_url) as ingress:
        await ingress.until_level("confirmed")
        await watermark("0.0000001")
        try:
            await spooling(ingress)
            assert await ingress.post_all(numbered(20)) == [200] * 20
            assert await ingress.level() == (200, "spooling")
        finally:
            await watermark("0.4")
        await ingress.until_level("confirmed")
        await ingress.until_drained()
    for queue in ALL:
        assert {*numbered(20)} <= {*await arrived(amqp_url, queue)}


@pytest.mark.slow
async def test_broker_killed_under_posts(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("rabbit")
    async with EmbeddedRabbit(place / "data", place / "log") as broker:
        await apply_topology(broker.url)
        await broker.flush()
        async with sender(broker.url) as ingress:
            await ingress.until_level("confirmed")
            stop = asyncio.Event()
            posting = [asyncio.create_task(_post_until(stop, ingress, n)) for n in range(4)]
            await broker.kill()
            await ingress.until_level("spooling")
            assert await ingress.post(b'{"id":"dark"}') == 200
            await broker.start()
            await ingress.until_level("confirmed")
            stop.set()
            accepted = {body for bodies in await asyncio.gather(*posting) for body in bodies}
            await ingress.until_drained()
        for queue in ALL:
            assert sorted([*accepted, b'{"id":"dark"}']) == sorted(await arrived(broker.url, queue))


async def test_starts_before_the_broker() -> None:
    """Nobody listens on port 1: the ingress stands, takes what comes, and keeps trying."""
    nowhere = "amqp://guest:guest@127.0.0.1:1/"
    async with sender(nowhere, grace=0) as ingress:
        assert await ingress.level() == (200, "spooling")
        assert await ingress.post(b"{}") == 200


async def _post_until(stop: asyncio.Event, ingress: Sender, number: int) -> list[bytes]:
    """Post one after the other; all of it must be accepted, whatever happens meanwhile."""
    accepted: list[bytes] = []
    while not stop.is_set():
        body = b'{"id":"%d-%d"}' % (number, len(accepted))
        assert await ingress.post(body) == 200
        accepted.append(body)
        await asyncio.sleep(0.01)  # the load of a quiet day, not of a measurement
    return accepted


async def spooling(ingress: Sender) -> None:
    """Post until the broker was found to hang: it tells of an alarm only when it is asked."""
    async with asyncio.timeout(30):
        while (await ingress.level())[1] != "spooling":
            assert await ingress.post(b'{"id":"probe"}') == 200


async def delete(amqp_url: str, queue: str) -> None:
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        await channel.queue_delete(queue)
