"""The path with nothing in it does what it is there for: as many rows and events as Caudal made of as many."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import asyncpg
import pytest

from bench.house import House
from bench.limits.captured import capture
from bench.limits.room import room
from bench.load.generator import Load, send
from bench.run import Chosen
from bench.scenes.bare_path import BarePath
from libs.bus.tail import backlog
from libs.bus.topology import EVENTS_QUEUE, apply_topology
from libs.embedded.ports import free_port
from libs.embedded.servers import Servers
from libs.store.migrate import migrate

BATCHES, WEBHOOKS = 3, 20


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.usefixtures("natives")
async def test_as_much_is_said_and_told(amqp_url: str, postgres_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(migrate, postgres_dsn)
    await apply_topology(amqp_url)
    async with room(postgres_dsn, clients=1) as where:
        captured = await capture(where, batches=BATCHES, webhooks=WEBHOOKS)
        made = await where.counts()
    path = tmp_path / "captured"
    path.write_bytes(pickle.dumps(captured))
    house = House(tmp_path, Servers(amqp_url, postgres_dsn), free_port())
    bare = BarePath(path)
    await bare.start(house)
    try:
        # one batch more than there are: it begins anew with the first, in empty tables
        count = (BATCHES + 1) * WEBHOOKS
        told = await send(Load(port=house.port, seconds=30, connections=4, run="bare", count=count))
        assert told.clean
        assert told.accepted == count
        async with asyncio.timeout(30):
            while await backlog(amqp_url, (EVENTS_QUEUE,)) < made["outbox"] + 1:
                await asyncio.sleep(0.1)
    finally:
        await bare.stop(house)
    connection = await asyncpg.connect(postgres_dsn)
    try:
        assert await connection.fetchval("select count(*) from deliveries") == WEBHOOKS
        assert await connection.fetchval("select count(*) from outbox") == 0
    finally:
        await connection.close()


def test_it_is_measured_on_request_alone() -> None:
    assert not Chosen().has("bare_path")
    assert not Chosen(quick=True).has("bare_path")
    assert Chosen(only=("bare_path",)).has("bare_path")
    assert Chosen().has("asking")
    assert Chosen().has("growth")
    assert not Chosen(quick=True).has("growth")
