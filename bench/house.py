"""Both servers and the processes of Caudal, each with a pid of its own to account for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aio_pika
import asyncpg

from bench.measure.accounting import cpu_seconds
from libs.bus.tail import backlog, consumer_counts
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, RECONCILER_QUEUE, apply_topology
from libs.embedded.children import Child, start_child
from libs.embedded.ports import LOOPBACK, free_port
from libs.embedded.postgres import EmbeddedPostgres
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.servers import Servers, servers
from libs.embedded.variables import AMQP_URL, POSTGRES_DSN
from libs.runtime.development import development_sources
from libs.store.migrate import migrate

READY_WITHIN: Final = 60.0
GRACE: Final = 30.0
WORKERS: Final = ("ingress", "normalizer", "reconciler")

_INSERTED: Final = """
select coalesce(sum(n_tup_ins), 0) from pg_stat_user_tables
where relid in (select relid from pg_partition_tree($1::text::regclass))
"""


@dataclass(slots=True)
class House:
    """What runs, by name. `servers` are ours, so that their time can be accounted for."""

    home: Path
    servers: Servers
    port: int
    running: dict[str, Child] = field(default_factory=dict)

    @property
    def pids(self) -> dict[str, int]:
        """The roots of all process trees."""
        found = {name: child.pid for name, child in self.running.items()}
        rabbitmq, postgres = self.servers.rabbitmq, self.servers.postgres
        if isinstance(rabbitmq, EmbeddedRabbit) and rabbitmq.node is not None:
            found["broker"] = rabbitmq.node.pid
        if isinstance(postgres, EmbeddedPostgres) and postgres.child is not None:
            found["postgres"] = postgres.child.pid
        return found

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each so far."""
        return self.cpu_of(self.pids)

    def cpu_of(self, pids: Mapping[str, int]) -> dict[str, float]:
        """CPU seconds of these process trees so far."""
        return {name: cpu_seconds(pid) for name, pid in pids.items()}

    async def start(self, *names: str, environment: Mapping[str, str] | None = None) -> None:
        """Start processes of Caudal, and wait until they are at work."""
        for name in names:
            self.running[name] = await self.spawn(
                name, [sys.executable, "-P", "-m", "services.cli", name], environment
            )
        await self._ready(names)

    async def spawn(
        self, name: str, argv: list[str], environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start any process with the environment of Caudal's; its output goes to a log."""
        told = {**os.environ, **self.environment(), **(environment or {})}
        with (self.home / f"{name}.log").open("ab") as log:
            return await start_child(argv, name=name, env=told, stdout=log, stderr=log)

    def environment(self) -> dict[str, str]:
        """Return what the processes of Caudal are told."""
        return {
            AMQP_URL: self.servers.amqp_url,
            POSTGRES_DSN: self.servers.postgres_dsn,
            "CAUDAL_SOURCES": str(self.home / "sources.toml"),
            "CAUDAL_INGRESS_HOST": LOOPBACK,
            "CAUDAL_INGRESS_PORT": str(self.port),
            "CAUDAL_SPOOL_DIR": str(self.home / "spool"),
            # one source may make 5,000 a second: on a fast machine that, and not the ingress, would be the most
            "CAUDAL_SOURCE_RATE": "100000",
        }

    async def stop(self, *names: str) -> None:
        """Stop processes in order."""
        for name in names:
            child = self.running.pop(name)
            await child.stop(GRACE)

    async def waiting(self) -> dict[str, int]:
        """Messages ready in our queues, and events in the outbox."""
        found = {}
        for queue in (NORMALIZER_QUEUE, RECONCILER_QUEUE, ARCHIVE_QUEUE):
            found[queue] = await backlog(self.servers.amqp_url, (queue,))
        connection = await asyncpg.connect(self.servers.postgres_dsn)
        try:
            found["outbox"] = await connection.fetchval("select count(*) from outbox")
        finally:
            await connection.close()
        return found

    async def count(self, table: str) -> int:
        """How many rows a table of ours has."""
        connection = await asyncpg.connect(self.servers.postgres_dsn)
        try:
            return int(await connection.fetchval(f"select count(*) from {table}"))  # noqa: S608 - ours
        finally:
            await connection.close()

    async def inserted(self, table: str) -> int:
        """How many rows were ever inserted there, or into its partitions, as Postgres counts on the way."""
        connection = await asyncpg.connect(self.servers.postgres_dsn)
        try:
            return int(await connection.fetchval(_INSERTED, table))
        finally:
            await connection.close()

    async def purge(self, *queues: str) -> None:
        """Throw away what waits in these queues."""
        async with await aio_pika.connect(self.servers.amqp_url) as connection:
            channel = await connection.channel()
            for queue in queues:
                await (await channel.get_queue(queue, ensure=False)).purge()

    async def until_quiet(self, *, within: float) -> None:
        """Wait until nothing waits anywhere. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while any((await self.waiting()).values()):
                await asyncio.sleep(0.1)

    async def is_listening(self) -> bool:
        """Tell whether somebody takes connections on the port of the ingress."""
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def until_consuming(self, *names: str) -> None:
        """Wait until the workers of these names have their queues. Raises `TimeoutError`."""
        needed = {
            queue: 1
            for role, queue in (
                ("normalizer", NORMALIZER_QUEUE),
                ("reconciler", RECONCILER_QUEUE),
                ("reconciler", ARCHIVE_QUEUE),
            )
            if role in names
        }
        async with asyncio.timeout(READY_WITHIN):
            while needed:
                counts = await consumer_counts(self.servers.amqp_url, needed)
                if all(counts[queue] >= n for queue, n in needed.items()):
                    break
                await asyncio.sleep(0.1)

    async def _ready(self, names: tuple[str, ...]) -> None:
        async with asyncio.timeout(READY_WITHIN):
            while "ingress" in names and not await asyncio.to_thread(self._confirms):
                await asyncio.sleep(0.1)
        await self.until_consuming(*names)

    def _confirms(self) -> bool:
        url = f"http://{LOOPBACK}:{self.port}/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(json.load(answer)["level"] == "confirmed")
        except (OSError, ValueError):
            return False


@asynccontextmanager
async def house(home: Path) -> AsyncIterator[House]:
    """Servers with migrations and topology, and no process yet."""
    async with servers(home, on_progress=lambda _: None) as found:
        await asyncio.to_thread(migrate, found.postgres_dsn)
        await apply_topology(found.amqp_url, retire=True)
        (home / "sources.toml").write_text(development_sources(), encoding="utf-8")
        built = House(home, found, free_port())
        try:
            yield built
        finally:
            await built.stop(*[name for name in WORKERS if name in built.running])
            for child in built.running.values():
                await child.stop(GRACE)


def broker_address(url: str) -> tuple[str, int, str, str]:
    """Host, port, user and password of an AMQP URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 5672, parts.username or "", parts.password or ""
