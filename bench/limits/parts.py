"""The parts of what a webhook takes when nothing else is going on, each measured alone.

The least that a webhook can take on its way to a fact is the sum of one round trip over HTTP, three
confirmed publishes (to the normalizer, to the reconciler, to who consumes) and one commit.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from bench.limits.figures import Limit, spread
from bench.load.corpus import HOST
from libs.embedded.children import start_child

PUBLISHES: Final = 3
APART: Final = 0.02  # seconds between two of a part, where they are not taken back to back
_HEAD_END: Final = b"\r\n\r\n"
_READY_WITHIN: Final = 30.0  # seconds
_WARM: Final = 200  # requests that do not count


async def http_time(
    requests: Sequence[bytes], *, apart: float = 0.0, seconds: float = 2.0
) -> Limit:
    """Measure requests to aiohttp's empty handler, in milliseconds (the value is the median).

    One connection, one request at a time, from a client of plain sockets. `apart` is the time in
    seconds between the beginnings of two; 0: the next follows at once.
    """
    argv = [sys.executable, "-P", "-m", "bench.empty"]
    child = await start_child(argv, name="empty", stdout=PIPE)
    try:
        async with asyncio.timeout(_READY_WITHIN):
            line = await child.process.stdout.readline() if child.process.stdout else b""
        times = await asyncio.to_thread(_round_trips, int(line), requests, apart, seconds)
    finally:
        await child.stop(1.0)
    found = spread(times, "ms", 1e3)
    return Limit(
        name="http_round_trip",
        value=found["p50_ms"],
        unit="ms",
        also=found,
        settings={
            "handler": f"empty, aiohttp {version('aiohttp')} on uvloop {version('uvloop')}",
            "client": "blocking socket, one connection",
            "apart_s": apart,
            "seconds": seconds,
        },
    )


def _round_trips(port: int, requests: Sequence[bytes], apart: float, seconds: float) -> list[float]:
    times: list[float] = []
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests[:_WARM]:
            _round_trip(connection, request)
        begun = time.perf_counter()
        number = 0
        while (now := time.perf_counter()) < begun + seconds:
            time.sleep(max(0.0, begun + number * apart - now))
            sent = time.perf_counter()
            _round_trip(connection, requests[number % len(requests)])
            times.append(time.perf_counter() - sent)
            number += 1
    return times


def _round_trip(connection: socket.socket, request: bytes) -> None:
    """Send a request and take its answer, which has no body."""
    connection.sendall(request)
    answer = b""
    while not answer.endswith(_HEAD_END):
        some = connection.recv(65536)
        if not some:
            raise ConnectionResetError("the empty handler closed the connection")
        answer += some


def summed(http: Limit, publish: Limit, commit: Limit) -> Limit:
    """Add up one round trip, three publishes and one commit, for p50 and for p99.

    The p99 of a sum is less than the sum of the p99s, unless all are slow at the same time.
    """
    also = {
        share: http.also[share] + PUBLISHES * publish.also[share] + commit.also[share]
        for share in ("p50_ms", "p99_ms")
    }
    return Limit(
        name="idle_latency",
        value=also["p50_ms"],
        unit="ms",
        also=also,
        settings={
            "sum": f"1 HTTP round trip + {PUBLISHES} confirmed publishes + 1 commit",
            "apart_s": http.settings["apart_s"],
        },
    )
