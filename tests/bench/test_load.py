"""The load generator: every request at its time, whatever became of those before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import cast

import pytest

from bench.house import House
from bench.load.corpus import Corpus
from bench.load.generator import Load, generator, send
from bench.load.times import read_times
from bench.scenes import sustained
from bench.scenes.sustained import go_while_it_keeps_up
from bench.scenes.systems import System

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


async def test_few_that_differ_are_sent_over_and_over() -> None:
    async with answering(lambda _: (0.0, OK)) as (port, came):
        told = await send(
            Load(port=port, seconds=5.0, connections=1, count=50, distinct=20, warm_up=0, run="x")
        )
    assert told.clean
    some = Corpus(1, "x").requests(20)
    assert came == [*some, *some, *some[:10]]


@pytest.mark.parametrize("rate", [200, 0])
async def test_ended_before_its_time(rate: int) -> None:
    """What was begun is answered and told all the same."""
    async with answering(lambda _: (0.01, OK)) as (port, came):
        load = Load(
            port=port,
            seconds=30.0,
            rate=rate,
            connections=4,
            count=20_000,
            distinct=100,
            warm_up=0,
        )
        async with generator(load) as ready:
            asyncio.get_running_loop().call_later(0.5, ready.enough)
            told = await ready.go()
    assert 0.4 < told.ended - told.begun < 5
    assert told.clean
    assert len(came) == told.sent > 50


@dataclass
class Counting:
    """A house with a system in which so many webhooks are done each second."""

    per_second: float
    begun: float = field(default_factory=monotonic)

    async def about_done(self, _house: House) -> int:
        return 1000 + int(self.per_second * (monotonic() - self.begun))


@pytest.mark.parametrize(("per_second", "early"), [(50, True), (100, False)])
async def test_what_does_not_keep_up_is_ended(
    monkeypatch: pytest.MonkeyPatch, per_second: float, *, early: bool
) -> None:
    monkeypatch.setattr(sustained, "BEHIND", 0.5)
    monkeypatch.setattr(sustained, "BEHIND_EVERY", 0.2)
    system = cast("System", Counting(per_second))
    async with answering(lambda _: (0.0, OK)) as (port, _):
        load = Load(port=port, seconds=3.0, rate=100, connections=4, warm_up=0)
        async with generator(load) as ready:
            told, ended_early = await go_while_it_keeps_up(cast("House", None), system, load, ready)
    assert ended_early is early
    assert (told.sent < 290) is early
