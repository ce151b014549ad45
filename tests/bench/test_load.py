"""The load generator: every request at its time, whatever became of those before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from bench.load.corpus import Corpus
from bench.load.generator import Load, send
from bench.load.times import read_times

pytestmark = pytest.mark.usefixtures("natives")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def answering(
    answer: Callable[[int], tuple[float, bytes]],
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Give the port of a server that answers the n-th request late, in bytes; b"" cuts it off."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                [length] = [
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ]
                came.append(head + await reader.readexactly(length))
                late, whole = answer(len(came))
                await asyncio.sleep(late)
                writer.write(whole)
                if not whole:
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()


async def test_each_is_sent_at_its_time(tmp_path: Path) -> None:
    times = tmp_path / "times"
    async with answering(lambda _: (0.0, OK)) as (port, came):
        told = await send(
            Load(
                port=port,
                seconds=1.0,
                rate=200,
                connections=8,
                warm_up=0,
                times=times,
                run="x",
                count=200,
            )
        )
    assert sorted(came) == sorted(Corpus(1, "x").requests(200))
    assert told.clean
    assert (told.sent, told.statuses, told.cut, told.unanswered) == (200, {"200": 200}, 0, 0)
    assert told.rate == pytest.approx(200, rel=0.05)
    assert told.cpu_s > 0
    due = read_times(times).due
    assert [later - one for one, later in pairwise(due)] == pytest.approx([1 / 200] * 199)


@pytest.mark.parametrize("rate", [200, 2500])
async def test_stall_counts_for_all_that_were_due(rate: int) -> None:
    """Nothing is answered for a while: those that could not be sent meanwhile are late as well."""
    async with answering(lambda n: (0.5 if n <= 2 else 0.0, OK)) as (port, _):
        told = await send(Load(port=port, seconds=1.0, rate=rate, connections=2, warm_up=0))
    assert told.clean
    assert told.latency_ms["max"] >= 500
    assert told.latency_ms["p90"] > 300


async def test_cut_connections_are_counted_and_replaced() -> None:
    async with answering(lambda n: (0.0, b"" if n % 10 == 5 else OK)) as (port, came):
        told = await send(Load(port=port, seconds=1.0, rate=100, connections=4, warm_up=0))
    assert len(came) == told.sent == 100
    assert (told.cut, told.unanswered, told.accepted) == (10, 10, 90)
    assert not told.clean


async def test_refusals_are_told_by_status() -> None:
    refused = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
    async with answering(lambda n: (0.0, refused if n % 4 == 0 else OK)) as (port, _):
        told = await send(Load(port=port, seconds=0.5, rate=80, connections=4, warm_up=0))
    assert told.statuses == {"200": 30, "503": 10}
    assert not told.clean


async def test_flat_out_keeps_every_connection_busy() -> None:
    """With every answer 20 ms late, so many connections carry so much."""
    async with answering(lambda _: (0.02, OK)) as (port, _):
        told = await send(Load(port=port, seconds=1.0, connections=10, count=5000, warm_up=0.2))
    assert told.clean
    assert told.rate == pytest.approx(10 / 0.02, rel=0.25)


async def test_flat_out_ends_with_what_was_prepared() -> None:
    async with answering(lambda _: (0.0, OK)) as (port, came):
        told = await send(Load(port=port, seconds=5.0, connections=4, count=50, warm_up=0))
    assert len(came) == told.sent == 50
    assert told.ended - told.begun < 4
