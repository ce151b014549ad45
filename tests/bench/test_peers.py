"""The peers keep the promise they are compared under: nothing accepted is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aio_pika
import asyncpg
import pytest
import pytest_asyncio

from bench.house import House
from bench.load.corpus import Corpus
from bench.load.generator import Generator, Load, generator
from bench.peers.ground import fingerprint
from bench.peers.meaning import RANKS, Meaning, meaning
from bench.peers.run import PEERS, Peer, deliveries, launch, start, stop, until_at_work, until_quiet
from libs.embedded.ports import free_port
from libs.embedded.servers import Servers

COUNT = 300
RATE = 150.0
WITHIN = 60.0


class Posted(NamedTuple):
    """A prepared request, read again."""

    source: str
    content_type: str
    body: bytes

    @property
    def said(self) -> Meaning | None:
        return meaning(self.source, self.content_type, self.body)


class Event(NamedTuple):
    delivery_id: str
    source: str
    reference: str
    state: str


def read(request: bytes) -> Posted:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    path = first.split(" ")[1].partition("?")[0]
    return Posted(path.split("/")[2], headers["Content-Type"], body)


def outcome(posted: list[Posted]) -> dict[tuple[str, str], str]:
    """Where every payment must stand: at the highest rank that was told of it, in any order."""
    stands: dict[tuple[str, str], Meaning] = {}
    for one in posted:
        if said := one.said:
            key = (one.source, said.reference)
            stands[key] = max(stands.get(key, said), said, key=lambda m: m.rank)
    return {key: said.state for key, said in stands.items()}


@pytest.fixture(scope="module")
def requests() -> list[bytes]:
    return Corpus(seed=1, run="peers").requests(COUNT)


def test_most_of_what_every_provider_says_has_a_meaning(requests: list[bytes]) -> None:
    posted = [read(request) for request in requests]
    told = Counter(one.source for one in posted)
    understood = Counter(one.source for one in posted if one.said)
    assert told.keys() == {"clip", "conectados", "mobbex", "payu", "safe2pay"}
    assert all(understood[source] > 0.7 * told[source] for source in told)


@pytest.mark.parametrize(
    ("source", "content_type", "body", "said"),
    [
        (
            "mobbex",
            "application/json",
            b'{"data": {"payment": {"id": "a1", "status": {"code": "200"}}}}',
            ("a1", "paid"),
        ),
        (
            "mobbex",
            "application/x-www-form-urlencoded",
            b"data%5Bpayment%5D%5Bid%5D=a1&data%5Bpayment%5D%5Bstatus%5D%5Bcode%5D=2",
            ("a1", "pending"),
        ),
        (
            "payu",
            "application/json; charset=utf-8",
            b'{"pushPaymentId": "p", "state": "AWAITING FOR SENT", "status": null}',
            ("p", "created"),
        ),
        (
            "safe2pay",
            "application/json",
            b'{"IdTransaction": 7, "TransactionStatus": {"Id": 3}}',
            ("7", "paid"),
        ),
        ("clip", "application/json", b'{"payment_request_id": "c", "resource_st', None),
        ("clip", "application/json", b'["payment_request_id"]', None),
        ("clip", "application/json", b'{"payment_request_id": "c", "resource_status": "X"}', None),
        ("clip", "application/json", b'{"payment_request_id": {}, "resource_status": "X"}', None),
        ("nobody", "application/json", b"{}", None),
    ],
)
def test_meaning(source: str, content_type: str, body: bytes, said: tuple[str, str] | None) -> None:
    found = meaning(source, content_type, body)
    assert (found and found[:2]) == said
    assert found is None or found.rank == RANKS[found.state]


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest, natives: None) -> Peer:  # noqa: ARG001
    found = PEERS[request.param]
    if found.missing:
        pytest.skip(f"{', '.join(found.missing)} not installed: deploy/dev/ensure-venv bench")
    return found


@pytest_asyncio.fixture
async def house(
    peer: Peer, amqp_url: str, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[House]:
    built = House(tmp_path, Servers(amqp_url, postgres_dsn), free_port())
    await start(built, peer)
    yield built
    await stop(built, peer)


@asynccontextmanager
async def posting(house: House) -> AsyncIterator[None]:
    """Send all of them at their times, from here on; each must be answered 200."""
    load = Load(port=house.port, seconds=COUNT / RATE, rate=RATE, count=COUNT, run="peers")

    async def go(ready: Generator) -> None:
        assert (await ready.go()).statuses == {"200": COUNT}

    async with generator(load) as ready, asyncio.TaskGroup() as tasks:
        tasks.create_task(go(ready))
        yield


async def post(house: House) -> None:
    """Send all of them, and wait for the answers."""
    async with posting(house):
        pass


async def query(house: House, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(house.servers.postgres_dsn)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def stored(house: House, peer: Peer) -> set[tuple[bytes, bytes]]:
    found = await query(house, f"table {peer.ground.schema}.delivery")
    return {(row["fingerprint"], row["body"]) for row in found}


async def payments(house: House, peer: Peer) -> dict[tuple[str, str], str]:
    found = await query(house, f"table {peer.ground.schema}.payment")
    return {(row["source"], row["reference"]): row["state"] for row in found}


async def events(house: House, peer: Peer) -> list[Event]:
    """Take what lies in the queue of events."""
    taken = []
    async with await aio_pika.connect(house.servers.amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(peer.ground.events)
        while message := await queue.get(fail=False):
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            taken.append(Event(**json.loads(message.body)))
            await message.ack()
    return taken


def expected(posted: list[Posted]) -> set[tuple[bytes, bytes]]:
    return {(fingerprint(one.source, one.body), one.body) for one in posted}


@pytest.mark.servers
@pytest.mark.slow
async def test_each_webhook_counts_once(peer: Peer, house: House, requests: list[bytes]) -> None:
    posted = [read(request) for request in requests]

    await post(house)
    await until_quiet(house, peer, within=WITHIN)
    told = await events(house, peer)
    assert await stored(house, peer) == expected(posted)
    assert await payments(house, peer) == outcome(posted)
    assert len({event[1:] for event in told}) == len(told)
    assert {(event[1:3], event.state) for event in told} >= set(outcome(posted).items())
    for event in told:
        said = posted[int(event.delivery_id)].said
        assert said is not None
        assert said[:2] == event[2:]

    await post(house)
    await until_quiet(house, peer, within=WITHIN)
    assert await stored(house, peer) == expected(posted)
    assert await payments(house, peer) == outcome(posted)
    assert await events(house, peer) == []


@pytest.mark.servers
@pytest.mark.slow
async def test_killed_workers_lose_nothing(peer: Peer, house: House, requests: list[bytes]) -> None:
    posted = [read(request) for request in requests]

    async with posting(house):
        await asyncio.sleep(COUNT / RATE / 3)
        for _ in range(2):  # in the midst of the load, and with the backlog in its hands
            for worker in peer.workers:
                await house.running[worker.name].kill()
                await launch(house, worker)
            await until_at_work(house, peer)
    await until_quiet(house, peer, within=WITHIN)

    assert await stored(house, peer) == expected(posted)
    assert await payments(house, peer) == outcome(posted)
    told = await events(house, peer)
    assert {(event[1:3], event.state) for event in told} >= set(outcome(posted).items())


@pytest.mark.servers
@pytest.mark.slow
async def test_what_fails_is_done_again(peer: Peer, house: House, requests: list[bytes]) -> None:
    posted = [read(request) for request in requests]
    schema = peer.ground.schema

    async with posting(house):
        await asyncio.sleep(COUNT / RATE / 3)
        await query(house, f"alter table {schema}.payment rename to elsewhere")
    await query(house, f"alter table {schema}.elsewhere rename to payment")
    async with asyncio.timeout(WITHIN):  # workers pause with what failed in their hands
        while await deliveries(house, peer) < len(expected(posted)):
            await asyncio.sleep(0.2)
    await until_quiet(house, peer, within=WITHIN)

    assert await stored(house, peer) == expected(posted)
    assert await payments(house, peer) == outcome(posted)
    told = await events(house, peer)
    assert len({event[1:] for event in told}) == len(told)
    assert {(event[1:3], event.state) for event in told} >= set(outcome(posted).items())
