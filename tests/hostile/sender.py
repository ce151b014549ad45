"""A hostile sender as a process: does what one line of JSON says until there is another line.

in   {"port", "connections", "addresses", "mode", "requests"}, requests in base64; later an empty line
out  an empty line when it has begun; {"statuses": {"401": n, …}, "seconds", "connections", "cut"}

modes: `again` sends the next request as soon as the last was answered; `fresh` does so on another
connection; `hold` sends one and waits; `endless` never comes to the end of one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections import Counter
from contextlib import suppress
from itertools import cycle
from typing import Any, Final, cast

import uvloop

STATUS: Final = slice(9, 12)  # of `HTTP/1.1 200 OK`
MORE: Final = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
AGAIN_AFTER: Final = 0.01  # seconds, where nobody took the connection


class Flood:
    """All connections of one process."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.port = int(told["port"])
        self.mode = str(told["mode"])
        self.count = int(told["connections"])
        self.addresses = cycle(told["addresses"])
        self.requests = cycle([base64.b64decode(one) for one in told["requests"]])
        self.statuses: Counter[str] = Counter()
        self.connections = self.cut = 0
        self.over = False

    async def run(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        keeping = [loop.create_task(self._keep_open()) for _ in range(self.count)]
        sys.stdout.write("\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        seconds = loop.time() - begun
        self.over = True
        for one in keeping:
            one.cancel()
        await asyncio.wait(keeping)
        return {
            "seconds": seconds,
            "statuses": dict(self.statuses),
            "connections": self.connections,
            "cut": self.cut,
        }

    async def _keep_open(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.over:
            address = (next(self.addresses), 0)
            try:
                transport, line = await loop.create_connection(
                    lambda: Line(self), "127.0.0.1", self.port, local_addr=address
                )
            except OSError:
                await asyncio.sleep(AGAIN_AFTER)
                continue
            self.connections += 1
            try:
                await line.lost
            finally:
                transport.abort()
            if not line.answered:
                self.cut += 1
                await asyncio.sleep(AGAIN_AFTER)


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered = False
        self._transport: asyncio.Transport | None = None
        self._writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self.answered = True
        if data.startswith(b"HTTP/1.1 "):
            self._flood.statuses[data[STATUS].decode()] += 1
        if self._flood.mode == "fresh":
            self._end()
        elif self._flood.mode == "again":
            self._send()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however
        self._end()

    def _end(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def _send(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(next(self._flood.requests))
            self._go_on()

    def _go_on(self) -> None:
        transport = self._transport
        if self._flood.mode != "endless" or transport is None:
            return
        while self._writable and not transport.is_closing() and not self.lost.done():
            transport.write(MORE)


def main() -> None:
    flood = Flood(json.loads(sys.stdin.readline()))

    async def run() -> dict[str, Any]:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return await flood.run()

    with suppress(KeyboardInterrupt):
        sys.stdout.write(json.dumps(uvloop.run(run())) + "\n")


if __name__ == "__main__":
    main()
