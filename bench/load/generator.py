"""Drives a load generator process: prepare first, then measure, so that preparing costs nobody."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LINGER: Final = 15.0  # seconds that answers are waited for beyond the last send
_LINE_LIMIT: Final = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent. `rate` 0: flat out over the connections; else so many a second, open loop.

    `run` names the bodies: another one, other objects. `count` bounds how many are prepared; with
    `distinct`, so many of them differ and are sent over and over.
    """

    port: int
    seconds: float
    rate: float = 0.0
    connections: int = 64
    warm_up: float = 1.0
    seed: int = 1
    run: str = "1"
    count: int = 0
    distinct: int = 0
    times: Path | None = None
    hot_share: float = 0.0

    def told(self) -> dict[str, Any]:
        """Return what the process reads."""
        return {
            "port": self.port,
            "connections": self.connections,
            "rate": self.rate,
            "seconds": self.seconds,
            "linger": LINGER,
            "warm_up": self.warm_up,
            "seed": self.seed,
            "run": self.run,
            "count": self.count or int(self.rate * self.seconds) + 1,
            "distinct": self.distinct,
            "hot_share": self.hot_share,
            "times": None if self.times is None else str(self.times),
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What a run did. Times are of the monotonic clock, latencies in ms from the scheduled time."""

    begun: float
    ended: float
    sent: int
    statuses: dict[str, int]
    cut: int
    unanswered: int
    cpu_s: float
    rate: float = 0.0
    latency_ms: dict[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """Answers that say it is kept."""
        return sum(n for status, n in self.statuses.items() if status.startswith("2"))

    @property
    def clean(self) -> bool:
        """Whether each was answered, and with a 2xx."""
        return self.accepted == self.sent


class Generator:
    """A process that has its requests ready, and sends them at a word."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def go(self) -> Told:
        """Send, and tell what happened."""
        await self._say("")
        told = Told(**json.loads(await self._line()))
        await self._process.wait()
        return told

    def enough(self) -> None:
        """End the sending before its time."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)

    async def _say(self, line: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the generator listens to nobody")
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def _line(self) -> bytes:
        if self._process.stdout is None:
            raise RuntimeError("the generator says nothing")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended; its error stands above")
        return line


@asynccontextmanager
async def generator(load: Load) -> AsyncIterator[Generator]:
    """Start a generator and wait until it is prepared; at the end of the block it is gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    ready = Generator(process)
    try:
        await ready._say(json.dumps(load.told()))  # noqa: SLF001 - ours
        await ready._line()  # noqa: SLF001 - ours
        yield ready
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def send(load: Load) -> Told:
    """Prepare and send."""
    async with generator(load) as ready:
        return await ready.go()
