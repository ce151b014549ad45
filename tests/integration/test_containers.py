"""Servers in containers: they come back with their data, and go with whoever started them.

Skipped where no Docker engine has their images: the engine is one of several ways to a server.
"""

import subprocess
import sys
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from libs.embedded import images
from libs.embedded.containers import (
    PostgresContainer,
    RabbitMqContainer,
    engine_answers,
    remove_volumes,
)
from tests.processes import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.servers, pytest.mark.slow]

PARENT = """
import asyncio, sys
from pathlib import Path
from libs.embedded.containers import RabbitMqContainer

async def main():
    await RabbitMqContainer(Path(sys.argv[1])).start()
    print("ready", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _engine() -> None:
    if not engine_answers():
        pytest.skip("no Docker engine answers")
    for image in (images.RABBITMQ, images.POSTGRES):
        looked = ["docker", "image", "inspect", image]
        if subprocess.run(looked, capture_output=True, check=False).returncode:
            pytest.skip(f"the image {image} is not at hand")


def containers_on(data_dir: Path) -> list[str]:
    """Return the containers, running or not, on the volume of `data_dir`."""
    volume = (data_dir / "volumes").read_text().strip()
    listing = ["docker", "ps", "--all", "--quiet", "--filter", f"volume={volume}"]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()


def test_killed_parent_leaves_no_container(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert len(containers_on(tmp_path)) == 1
        parent.kill()
    assert wait_until(lambda: not containers_on(tmp_path), seconds=30)
    remove_volumes(tmp_path)


async def test_queue_survives_its_container(tmp_path: Path) -> None:
    for exists in (False, True):
        server = RabbitMqContainer(tmp_path)
        connection = await aio_pika.connect(await server.start())
        async with connection, connection.channel() as channel:
            queue = await channel.declare_queue("kept", durable=True, passive=exists)
            assert queue.name == "kept"
        assert "kept" in await server.control("list_queues", "name")
        await server.stop()
        assert containers_on(tmp_path) == []
    remove_volumes(tmp_path)


async def test_table_survives_its_container(tmp_path: Path) -> None:
    for statement in ("create table kept (word text)", "insert into kept values ('here')"):
        server = PostgresContainer(tmp_path)
        connection = await asyncpg.connect(await server.start())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
        await server.stop()
        assert containers_on(tmp_path) == []
    remove_volumes(tmp_path)
