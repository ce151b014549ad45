"""What the bench asks the servers about a system that runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from bench.house import House
from libs.embedded.servers import Servers
from libs.store.migrate import migrate

TOLD = """
insert into translations (delivery_id, received_at, source, outcome)
select gen_random_uuid(), now() - n * interval '1 day', 'clip', 'ignored'
from generate_series(0, 3) as n
"""


@pytest.mark.servers
async def test_inserted_counts_what_partitions_took(postgres_dsn: str, tmp_path: Path) -> None:
    """Also what is deleted by now: it tells what was done, to a second."""
    await asyncio.to_thread(migrate, postgres_dsn)
    house = House(tmp_path, Servers(amqp_url="", postgres_dsn=postgres_dsn), port=0)
    assert await house.inserted("translations") == 0
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute(TOLD)
        await connection.execute("delete from translations")
    finally:
        await connection.close()  # which tells what it did
    assert await house.inserted("translations") == 4
    assert await house.count("translations") == 0
