"""Whoever consumes the events: a C client that notes when each came, and costs next to nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.house import House, broker_address
from bench.native_programs import native


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an event came (monotonic clock), and which delivery it is about."""

    at: float
    delivery_id: str


class Observer:
    """Notes arrivals in a file until it is stopped."""

    def __init__(self, process: asyncio.subprocess.Process, path: Path) -> None:
        self._process = process
        self._path = path

    @property
    def pid(self) -> int:
        return self._process.pid

    async def stop(self) -> list[Arrival]:
        """End it and return what came, in order."""
        if self._process.returncode is None:
            self._process.terminate()
        code = await self._process.wait()
        if code != 0:
            raise RuntimeError(f"the observer of events ended with {code}")
        found = []
        for line in self._path.read_text().splitlines():
            at, _, delivery_id = line.partition(" ")
            found.append(Arrival(float(at), delivery_id))
        return found


@asynccontextmanager
async def observer(house: House, queue: str) -> AsyncIterator[Observer]:
    """Consume a queue of the house's broker for the length of the block."""
    host, port, user, password = broker_address(house.servers.amqp_url)
    path = house.home / f"{queue}.arrivals"
    process = await asyncio.create_subprocess_exec(
        native("tail"),
        host,
        str(port),
        user,
        queue,
        str(path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "BROKER_PASSWORD": password},
    )
    if process.stdout is None or not await process.stdout.readline():
        raise RuntimeError("the observer of events cannot consume")
    try:
        yield Observer(process, path)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
