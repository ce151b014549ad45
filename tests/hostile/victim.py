"""An honest sender beside a flood: so many webhooks a second to another source, and how long each took.

Open loop: a webhook is due at its time whatever became of those before, and its latency counts
from then. One in five comes on a connection of its own.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

FRESH: Final = 5  # one in so many
PATIENCE: Final = 10.0  # seconds
LINES: Final = 64  # kept connections, at most: whoever waits for one shows nothing of the ingress
BODY: Final = (
    b'{"type":"checkout","data":{"result":true,"payment":{"id":"%d","status":{"code":"2"}}}}'
)


@dataclass
class Felt:
    """What the honest sender saw. Latencies in milliseconds."""

    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return a quantile of the latencies."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Honest:
    """Posts to `target` over its own connections."""

    def __init__(self, port: int, target: str) -> None:
        self._port = port
        self._target = target
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._turn = asyncio.Semaphore(LINES)

    async def post(self, rate: float, seconds: float) -> Felt:
        """Post for so long; each must be answered with 200."""
        felt = Felt()
        begun = time.perf_counter()
        count = int(rate * seconds)
        async with asyncio.TaskGroup() as group:
            for n in range(count):
                due = begun + n / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(self._one(n, due, felt))
        for _, writer in self._free:
            writer.close()
        self._free.clear()
        return felt

    async def _one(self, n: int, due: float, felt: Felt) -> None:
        fresh = n % FRESH == 0
        try:
            async with asyncio.timeout(PATIENCE):
                if fresh:
                    status = await self._ask(n, *await self._connect(), keep=False)
                else:
                    async with self._turn:
                        line = self._free.pop() if self._free else await self._connect()
                        status = await self._ask(n, *line, keep=True)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            felt.failures.append(type(error).__name__)
            return
        felt.latencies.append(1000 * (time.perf_counter() - due))
        if status != 200:
            felt.failures.append(str(status))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _ask(
        self, n: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool
    ) -> int:
        body = BODY % n
        head = f"POST {self._target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r")[0])
        await reader.readexactly(length)
        if keep:
            self._free.append((reader, writer))
        else:
            writer.close()
        return int(answer.split(b" ")[1])
