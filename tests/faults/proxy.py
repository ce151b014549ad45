"""A TCP proxy that does to a link what networks do to links.

Everything can be changed while connections are open. Each direction has its own trouble: `up` is
from the client to the server, `down` back.

    latency, bandwidth, slices   `way.latency`, `way.rate`, `way.slice_bytes`
    black hole, one way or both  `hole("up")`, `heal()`: bytes wait, as lost packets do, and nothing closes
    reset in mid-frame           `reset()`: half of what passes next, then RST to both ends
    refused                      `refuse()`, `listen()`
    accepted, then silence       `mute()`, `heal()`
    half-open                    `half_open()`: the server's end is gone, the client is told nothing
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from libs.embedded.ports import LOOPBACK

CHUNK: Final = 65_536
DELAY_LINE: Final = 256  # chunks that may be under way in one direction
RESET_WITHIN: Final = 0.3  # seconds in which a reset waits for a frame to break
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST

Side = Literal["up", "down"]


@dataclass(slots=True)
class Way:
    """One direction. Times in seconds, `rate` in bytes per second."""

    latency: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    slice_bytes: int | None = None
    passing: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear: nothing passes, and nobody is told."""

    def __post_init__(self) -> None:
        self.passing.set()

    def delay(self, chance: random.Random) -> float:
        return self.latency + chance.uniform(0, self.jitter) if self.jitter else self.latency

    def pieces(self, data: bytes) -> Iterator[bytes]:
        size = self.slice_bytes or len(data)
        if self.rate is not None:
            size = max(1, min(size, int(self.rate / 20)))
        for start in range(0, len(data), size):
            yield data[start : start + size]

    def clear(self) -> None:
        self.latency = self.jitter = 0.0
        self.rate = self.slice_bytes = None
        self.passing.set()


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.doomed = False  # the next chunk is cut in half
        self.deaf = False  # half-open: what the client says goes nowhere

    def abort(self) -> None:
        for end in (self.client, self.server):
            if end is not None:
                _reset(end)


class Proxy:
    """Listens on `port`, forwards to `target` on loopback."""

    def __init__(self, target: int, *, seed: int = 0) -> None:
        self.target = target
        self.port = 0
        self.up = Way()
        self.down = Way()
        self.accepted = 0
        self._chance = random.Random(seed)
        self._mute = False
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take connections; on the same port as before, if there was one."""
        self._server = await asyncio.start_server(
            self._accept, LOOPBACK, self.port, limit=CHUNK, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def listening(self) -> bool:
        return self._server is not None

    async def refuse(self) -> None:
        """Refuse new connections, and end those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._abort_all()

    def hole(self, *sides: Side) -> None:
        """Let nothing through any more in these directions (none named: both)."""
        for side in sides or ("up", "down"):
            (self.up if side == "up" else self.down).passing.clear()

    def mute(self) -> None:
        """Accept and then say nothing; what is open falls silent too."""
        self._mute = True
        self.hole()

    def heal(self) -> None:
        """End every trouble. Connections that were accepted in silence are reset."""
        self.up.clear()
        self.down.clear()
        if self._mute:
            self._mute = False
            for link in [link for link in self._links if link.server is None]:
                link.abort()

    def half_open(self) -> None:
        """Cut the server's end of every connection, and tell the client nothing."""
        for link in self._links:
            link.deaf = True
            if link.server is not None:
                _reset(link.server)

    async def reset(self) -> None:
        """Break every connection in the middle of what it says next, or where it is."""
        doomed = set(self._links)
        for link in doomed:
            link.doomed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESET_WITHIN):
                while doomed & self._links:
                    await asyncio.sleep(0.01)
        for link in doomed & self._links:
            link.abort()

    async def close(self) -> None:
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _abort_all(self) -> None:
        for link in list(self._links):
            link.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(writer)
        self._links.add(link)
        try:
            if self._mute:
                await reader.read(-1)  # until the client gives up, or we do
                return
            far_reader, link.server = await asyncio.open_connection(
                LOOPBACK, self.target, limit=CHUNK
            )
            async with asyncio.TaskGroup() as pumps:
                for pump in (
                    _Pump(link, reader, link.server, self.up),
                    _Pump(link, far_reader, writer, self.down),
                ):
                    pumps.create_task(pump.fill(self._chance))
                    pumps.create_task(pump.flow())
        except* OSError:
            pass  # one end is gone; the other is told in `finally`
        finally:
            self._links.discard(link)
            link.abort()


class _Pump:
    """One direction of one connection: a delay line between its two ends."""

    def __init__(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._way = way
        self._line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(DELAY_LINE)

    async def fill(self, chance: random.Random) -> None:
        """Read until the end. Raises OSError when the connection breaks."""
        clock = asyncio.get_running_loop().time
        data = b"?"
        while data:
            try:
                data = await self._reader.read(CHUNK)
            except OSError:
                if not self._link.deaf:
                    raise
                await _for_ever()
            await self._line.put((clock() + self._way.delay(chance), data))

    async def flow(self) -> None:
        """Write what is due. Raises OSError when the connection breaks, or is to break."""
        clock = asyncio.get_running_loop().time
        from_client = self._writer is self._link.server
        while True:
            due, data = await self._line.get()
            await asyncio.sleep(due - clock())
            await self._way.passing.wait()
            if self._link.deaf:
                if from_client and not data:
                    raise ConnectionResetError  # the client has given up
                continue
            if not data:
                self._writer.write_eof()
                return
            await self._pass(data)

    async def _pass(self, data: bytes) -> None:
        if self._link.doomed:
            self._writer.write(data[: len(data) // 2])
            raise ConnectionResetError
        for piece in self._way.pieces(data):
            self._writer.write(piece)
            await self._writer.drain()
            if self._way.rate is not None:
                await asyncio.sleep(len(piece) / self._way.rate)


@asynccontextmanager
async def proxy(target: int, *, seed: int = 0) -> AsyncIterator[Proxy]:
    """Run a proxy as long as the block lasts."""
    made = Proxy(target, seed=seed)
    await made.listen()
    try:
        yield made
    finally:
        await made.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()


async def _for_ever() -> None:
    await asyncio.Event().wait()
