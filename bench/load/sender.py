"""Sends prepared requests over kept connections, each at its time, one at a time on each connection.

A request whose time has come and for which no connection is free waits here, and its latency
counts from its time all the same: a server that stalls cannot hide that by taking fewer requests.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, cast

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
# Timers tick in milliseconds: at a low rate the last two are spent turning, so as to be on time.
_TURNING: Final = 0.002  # seconds
_SPARSE: Final = 0.01  # seconds between two sends from which on turning costs next to nothing
# The shortest sleep there is: uvloop takes half a tick for none at all, and would turn.
_TICK: Final = 0.001


@dataclass(slots=True)
class Sent:
    """What became of the requests, by their number; times are of the monotonic clock.

    `due` is when each had to be sent, `done` when its answer was complete (0.0: never).
    """

    due: array[float] = field(default_factory=lambda: array("d"))
    done: array[float] = field(default_factory=lambda: array("d"))
    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0


class _Connection(asyncio.Protocol):
    """One kept connection. `free` is called when it can take the next request."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, number: int, request: bytes) -> None:
        self._number = number
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(_HEAD_END)
        if end < 0 or len(buffer) < end + 4 + _body_length(buffer[:end]):
            self._buffer = buffer
            return
        self._buffer = b""
        number, self._number = self._number, -1
        self._sender.answered(self, number, int(buffer[9:12]))

    def connection_lost(self, _error: Exception | None) -> None:
        self._sender.lost(self, self._number)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _body_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    return 0


class Sender:
    """Posts `requests` to host and port over `connections` connections."""

    def __init__(
        self, host: str, port: int, requests: Sequence[bytes], *, connections: int
    ) -> None:
        self._host = host
        self._port = port
        self._requests = requests
        self._wanted = connections
        self._open: set[_Connection] = set()
        self._free: deque[_Connection] = deque()
        self._waiting: deque[int] = deque()
        self._next = 0
        self._under_way = 0
        self._closing = False
        self._refill: Callable[[], None] = lambda: None
        self._mending: set[asyncio.Task[None]] = set()
        self.sent = Sent()

    async def connect(self) -> None:
        """Open all connections. Raises `OSError`."""
        await asyncio.gather(*(self._connect() for _ in range(self._wanted)))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self), self._host, self._port
        )
        self._open.add(connection)
        self._free.append(connection)
        self._flush()

    async def at_rate(self, rate: float, seconds: float, *, linger: float = 10.0) -> None:
        """Send `rate` requests a second at even distances, and wait for their answers.

        Answers are waited for at most `linger` seconds beyond the last send.
        """
        count = min(len(self._requests) - self._next, int(rate * seconds))
        first, begun = self._next, monotonic() + 0.01
        apart = 1 / rate
        while self._next < first + count:
            now = monotonic()
            due = begun + (self._next - first) * apart
            if now < due:
                await self._until(due, turning=apart >= _SPARSE)
                continue
            self.sent.due.append(due)
            self.sent.done.append(0.0)
            self._waiting.append(self._next)
            self._next += 1
            if now - due < apart:
                self._flush()
        self._flush()
        await self._settled(linger)

    async def flat_out(self, seconds: float, *, linger: float = 10.0) -> None:
        """Keep every connection busy: the next request leaves when the answer to the last is here."""
        until = monotonic() + seconds

        def refill() -> None:
            now = monotonic()
            while self._free and now < until and self._next < len(self._requests):
                self.sent.due.append(now)
                self.sent.done.append(0.0)
                self._waiting.append(self._next)
                self._next += 1
                self._flush()

        self._refill = refill
        refill()
        while monotonic() < until and self._next < len(self._requests):
            await asyncio.sleep(min(0.05, max(0.0, until - monotonic())))
        self._refill = lambda: None
        await self._settled(linger)

    def close(self) -> None:
        """Cut all connections."""
        self._closing = True
        for connection in list(self._open):
            connection.close()

    def answered(self, connection: _Connection, number: int, status: int) -> None:
        """Note an answer; the connection takes what waits."""
        self.sent.done[number] = monotonic()
        self.sent.statuses[status] += 1
        self._under_way -= 1
        self._free.append(connection)
        if self._waiting:
            self._flush()
        self._refill()

    def lost(self, connection: _Connection, number: int) -> None:
        """Note that a connection ended; another one takes its place."""
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if number >= 0:
            self.sent.cut += 1
            self._under_way -= 1
        if not self._closing:
            task = asyncio.get_running_loop().create_task(self._connect())
            self._mending.add(task)
            task.add_done_callback(self._mending.discard)

    def _flush(self) -> None:
        while self._waiting and self._free:
            number = self._waiting.popleft()
            self._under_way += 1
            self._free.popleft().send(number, self._requests[number])

    async def _until(self, due: float, *, turning: bool) -> None:
        left = due - monotonic()
        if not turning:
            await asyncio.sleep(max(left, _TICK))
            return
        if left > _TURNING:
            await asyncio.sleep(left - _TURNING)
        while monotonic() < due:
            await asyncio.sleep(0)

    async def _settled(self, linger: float) -> None:
        until = monotonic() + linger
        while (self._under_way or self._waiting) and monotonic() < until:
            await asyncio.sleep(0.01)
