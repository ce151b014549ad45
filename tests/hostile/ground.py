"""The real ingress as a process before a real broker, and what it takes of the machine."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aio_pika

from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, apply_topology
from libs.embedded.ports import LOOPBACK, free_port
from libs.runtime.development import development_sources

CAUDAL: Final = Path(sys.executable).with_name("caudal")
LOOK_EVERY: Final = 0.02  # seconds
EMPTY_EVERY: Final = 0.2  # seconds


class Ground:
    """An ingress that is running."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self.process = process

    def resident(self) -> float:
        """Return its memory in MB (RSS)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def watch(self) -> float:
        """Look at its memory until cancelled; gives the most of it in MB."""
        most = 0.0
        with suppress(asyncio.CancelledError):
            while True:
                most = max(most, self.resident())
                await asyncio.sleep(LOOK_EVERY)
        return most


@asynccontextmanager
async def ground(amqp_url: str, folder: Path) -> AsyncIterator[Ground]:
    """Run an ingress with the sources for development and the limits that are the default."""
    await apply_topology(amqp_url)
    (folder / "sources.toml").write_text(development_sources())
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAUDAL_")}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            CAUDAL,
            "ingress",
            env=kept
            | {
                "CAUDAL_AMQP_URL": amqp_url,
                "CAUDAL_SOURCES": str(folder / "sources.toml"),
                "CAUDAL_INGRESS_PORT": str(port),
                "CAUDAL_SPOOL_DIR": str(folder / "spool"),
                "CAUDAL_LOG_FORMAT": "json",
            },
            stdout=log,
            stderr=log,
        )
    emptying = asyncio.create_task(_empty(amqp_url))
    try:
        await _listening(port)
        yield Ground(port, process)
    finally:
        emptying.cancel()
        await asyncio.wait([emptying])
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _empty(amqp_url: str) -> None:
    """Throw away what was accepted: no worker is there, and the disk is not endless."""
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        queues = [await channel.get_queue(name) for name in (NORMALIZER_QUEUE, ARCHIVE_QUEUE)]
        while True:
            for queue in queues:
                await queue.purge()
            await asyncio.sleep(EMPTY_EVERY)


@asynccontextmanager
async def flood(told: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Run a hostile sender as long as the block lasts; what it was told is there afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.hostile.sender",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        limit=1 << 20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    found: dict[str, Any] = {}
    try:
        process.stdin.write(json.dumps(told).encode() + b"\n")
        await asyncio.wait_for(process.stdout.readline(), 30)
        yield found
        process.stdin.write(b"\n")
        found.update(json.loads(await asyncio.wait_for(process.stdout.readline(), 30)))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
