"""What the houses stand on: a broker and a database of the suite's own, and what befalls them.

Each case gets a virtual host and a database, so that nothing of another case disturbs its figures.
Both servers are our children on this event loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from libs.embedded import unprivileged
from libs.embedded.postgres import EmbeddedPostgres
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.servers import remove_data
from libs.store.migrate import migrate
from tests.processes import descendants
from tests.servers import exchange_vhosts, with_path

VHOSTS_AT_ONCE: Final = 8
TEMPLATE: Final = "faults_template"


@dataclass(frozen=True, slots=True)
class Room:
    """One case's own part of both servers. Both addresses carry a password."""

    amqp_url: str = field(repr=False)
    dsn: str = field(repr=False)

    @property
    def vhost(self) -> str:
        return urlsplit(self.amqp_url).path.lstrip("/")


class Ground:
    """Both servers."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.broker = EmbeddedRabbit(data_dir / "rabbitmq", data_dir / "rabbitmq.log")
        self.postgres = EmbeddedPostgres(data_dir / "postgres", data_dir / "postgres.log")
        self._free: list[str] = []
        self._released: list[str] = []

    async def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        unprivileged.let_pass(self.data_dir)
        await asyncio.gather(self.broker.start(), self.postgres.start())
        await make_template(self.postgres)

    async def stop(self) -> None:
        await asyncio.gather(self.broker.stop(), self.postgres.stop())
        remove_data(self.data_dir)

    async def room(self, postgres: EmbeddedPostgres | None = None) -> Room:
        """Give an empty virtual host and a migrated database; of another Postgres, if told."""
        if not self._free:
            released, self._released = self._released, []
            self._free = await exchange_vhosts(self.broker, released, VHOSTS_AT_ONCE)
        amqp_url = with_path(self.broker.url, self._free.pop())
        return Room(amqp_url, await fresh_database(postgres or self.postgres))

    async def release(self, room: Room) -> None:
        self._released.append(room.vhost)
        name = urlsplit(room.dsn).path.lstrip("/")
        with suppress(OSError, asyncpg.PostgresError):  # the server of a disk that is gone
            drop = f'drop database if exists "{name}" with (force)'
            await execute(room.dsn, drop, database="postgres")


@asynccontextmanager
async def ground(data_dir: Path) -> AsyncIterator[Ground]:
    """Run both servers as long as the block lasts."""
    made = Ground(data_dir)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def make_template(postgres: EmbeddedPostgres) -> None:
    """Migrate one database, of which every case gets a copy."""
    await execute(postgres.dsn, f'create database "{TEMPLATE}"')
    await asyncio.to_thread(migrate, with_path(postgres.dsn, TEMPLATE))


async def fresh_database(postgres: EmbeddedPostgres) -> str:
    name = f"faults_{uuid.uuid4().hex[:12]}"
    await execute(postgres.dsn, f'create database "{name}" template "{TEMPLATE}"')
    return with_path(postgres.dsn, name)


async def execute(
    dsn: str, statement: str, *arguments: object, database: str | None = None
) -> None:
    """Run one statement on a connection of its own; in another database of the server, if told."""
    connection = await asyncpg.connect(with_path(dsn, database) if database else dsn, timeout=10)
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close(timeout=10)


def freeze(pid: int) -> list[int]:
    """Stop a process and all that it started, and return who was stopped, for `thaw`."""
    stopped: list[int] = []
    while fresh := {pid, *descendants(pid)} - set(stopped):
        for each in sorted(fresh):
            _signal(each, signal.SIGSTOP)
        stopped += sorted(fresh)
    return stopped


def thaw(pids: Iterable[int]) -> None:
    for pid in pids:
        _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
