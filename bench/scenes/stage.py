"""What scenes have in common: the house, the empty handler, repetitions, and progress."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.house import House
from bench.load.generator import Load, Told, generator
from bench.measure.accounting import cpu_seconds
from libs.store.migrate import migrate

Progress = Callable[[str], None]
# Webhooks that differ, of those that go to somebody to whom they are all alike; making them takes time.
DISTINCT: Final = 4_000
EMPTY_AT_MOST: Final = 45_000.0  # requests a second that are prepared for E


@dataclass(slots=True)
class Stage:
    """Where scenes play. `quick` shortens all of them."""

    house: House
    progress: Progress
    quick: bool = False
    connections: int = 128
    _runs: count[int] = field(default_factory=count)

    def fresh(self) -> str:
        """Name bodies that were never sent on this stage."""
        return f"stage-{next(self._runs)}"

    def on(self, dsn: str) -> Stage:
        """Return the same stage on another database of the same server."""
        servers = replace(self.house.servers, postgres_dsn=dsn)
        return replace(self, house=House(self.house.home, servers, self.house.port))

    def seconds(self, thorough: float, quick: float) -> float:
        """Choose a length."""
        return quick if self.quick else thorough


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, and the CPU that the server used for each, in microseconds."""

    per_second: float
    cpu_us: float
    told: Told


@asynccontextmanager
async def empty_handler(
    module: str = "bench.empty", environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[int, int]]:
    """Run E, or another server that prints its port, for the length of the block; gives port and pid."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    try:
        if process.stdout is None:
            raise RuntimeError(f"{module} says nothing")
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.kill()
        await process.wait()


async def empty_cpu(stage: Stage, rate: float) -> float:
    """Return the CPU that E uses for a request at this rate, in microseconds; 0: flat out.

    At rest it takes several times as long as flat out, since every request wakes up a core.
    """
    async with empty_handler() as (port, pid):
        if not rate:
            return (await flat_out(stage, port, pid, seconds=2, at_most=EMPTY_AT_MOST)).cpu_us
        load = Load(port=port, seconds=3, rate=rate, connections=stage.connections, run="empty")
        async with generator(load) as ready:
            before = cpu_seconds(pid)
            told = await ready.go()
            return 1e6 * (cpu_seconds(pid) - before) / told.sent


async def flat_out(stage: Stage, port: int, pid: int, *, seconds: float, at_most: float) -> Rate:
    """Measure what a server that looks at no body answers at most; `at_most` a second are prepared."""
    load = Load(
        port=port,
        seconds=seconds,
        connections=stage.connections,
        warm_up=min(1.0, seconds / 4),
        run=stage.fresh(),
        count=int(seconds * at_most),
        distinct=DISTINCT,
    )
    async with generator(load) as ready:
        before = cpu_seconds(pid)
        told = await ready.go()
        used = cpu_seconds(pid) - before
    if not told.clean:
        raise RuntimeError(f"not all was answered: {told.statuses}, {told.cut} cut")
    return Rate(told.rate, 1e6 * used / told.sent, told)


class Clock:
    """Says how long something took."""

    def __init__(self) -> None:
        self._begun = monotonic()

    @property
    def seconds(self) -> float:
        return monotonic() - self._begun


async def database(stage: Stage, name: str | None = None) -> str:
    """Make a database of our schema beside the house's own; return its DSN."""
    name = name or f"bench_{stage.fresh().replace('-', '_')}"
    parts = urlsplit(stage.house.servers.postgres_dsn)
    connection = await asyncpg.connect(stage.house.servers.postgres_dsn)
    try:
        await connection.execute(f"create database {name}")
    finally:
        await connection.close()
    dsn = urlunsplit(parts._replace(path=f"/{name}"))
    await asyncio.to_thread(migrate, dsn)
    return dsn
