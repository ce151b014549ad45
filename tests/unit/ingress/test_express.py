"""The express lane: the same answers as the ordinary one, in the order of the requests, to whom they belong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.providers.port import Answer
from services.ingress.connection import HELD_BACK
from services.ingress.express import Lane
from tests.unit.ingress.stand_ins import (
    PROVIDERS,
    Gate,
    Ingress,
    StandInProvider,
    StandInPublisher,
    running_ingress,
    until,
)

TOKEN: Final = "/webhooks/shop?token=open-sesame"
_LARGE: Final = {
    **PROVIDERS,
    "plain": StandInProvider("plain", answer=lambda _: Answer(body=b"x" * 100_000)),
}
_HEAD_END: Final = b"\r\n\r\n"


def post(
    body: bytes, path: str = TOKEN, *, version: str = "1.1", more: Sequence[str] = ()
) -> bytes:
    lines = [f"POST {path} HTTP/{version}", "Host: a", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Line:
    """One connection, of which answers are read one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(5):
            head = (await self._reader.readuntil(_HEAD_END)).decode()
            status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
            }
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        headers.pop("date", None)  # 100 has none
        return int(status.split()[1]), headers, body

    async def is_closed(self) -> bool:
        async with asyncio.timeout(5):
            return await self._reader.read(1) == b""

    async def rest(self) -> bytes:
        async with asyncio.timeout(20):  # refused bodies linger for 3 s, on a machine that is busy
            return await self._reader.read()

    def abort(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def line_to(ingress: Ingress) -> AsyncIterator[Line]:
    host, port = ingress.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Give what the lane says to each request that it is asked about."""
    said: list[bool] = []
    take = Lane.take

    def asked(self: Lane, *about: object) -> bool:
        said.append(take(self, *about))  # type: ignore[arg-type]
        return said[-1]

    monkeypatch.setattr(Lane, "take", asked)
    return said


async def test_whole_webhooks_are_taken(ingress: Ingress, taken: list[bool]) -> None:
    async with line_to(ingress) as line:
        for n in range(3):
            await line.send(post(b"%d" % n))
            assert (await line.answer())[::2] == (200, b"ok")
    assert taken == [True] * 3
    assert [delivery.body for delivery in ingress.publisher.deliveries] == [b"0", b"1", b"2"]


async def test_client_of_aiohttp_is_taken(ingress: Ingress, taken: list[bool]) -> None:
    """Else the tests that post with it would say nothing of the lane."""
    assert await ingress.post(TOKEN, b"{}") == (200, b"ok")
    assert taken == [True]


@pytest.mark.parametrize(
    "request_",
    [
        post(b"{}", version="1.0"),
        post(b"{}", more=["Connection: close"]),
        post(b"{}", more=["Content-Encoding: gzip"]),
        post(b"{}", more=["Expect: 100-continue"]),
        post(b"{}", path="/health/ready"),
        post(b"{}", path="/webhooks/nobody"),
        post(b"{}", path="/webhooks/shop?token=open-sesame&event=%3Cb%3E"),
        post(b"{}").replace(b"POST", b"PUT"),
    ],
)
async def test_what_is_odd_takes_the_other(
    ingress: Ingress, taken: list[bool], request_: bytes
) -> None:
    async with line_to(ingress) as line:
        await line.send(request_)
        await line.answer()
    assert taken == [False]


async def test_body_that_comes_later_takes_the_other(ingress: Ingress, taken: list[bool]) -> None:
    whole = post(b'{"a": 1}')
    async with line_to(ingress) as line:
        await line.send(whole[:-3])
        await until(lambda: bool(taken))
        await line.send(whole[-3:])
        assert (await line.answer())[0] == 200
    assert taken == [False]
    assert [delivery.body for delivery in ingress.publisher.deliveries] == [b'{"a": 1}']


async def test_answers_keep_the_order(taken: list[bool]) -> None:
    """What comes while a webhook is on the lane waits for its answer, whatever it is."""
    gate = Gate()
    async with running_ingress(publisher=StandInPublisher(behave=gate), publish_deadline=5) as run:
        async with line_to(run) as line:
            await line.send(post(b"first"))
            await until(lambda: gate.arrived == 1)
            await line.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n" + post(b"second"))
            await line.send(post(b"third", "/webhooks/shop?token=wrong"))
            await asyncio.sleep(0.05)
            assert taken == [True]
            gate.open.set()
            told = [await line.answer() for _ in range(4)]
        assert [status for status, _, _ in told] == [200, 200, 200, 401]
        assert told[1][2] == b'{"status":"live"}'
        assert [one.body for one in run.publisher.deliveries] == [b"first", b"second"]


@pytest.mark.parametrize("second", [TOKEN, "/webhooks/nobody"])
async def test_several_in_one_piece_are_all_answered(ingress: Ingress, second: str) -> None:
    async with line_to(ingress) as line:
        await line.send(post(b"1") + post(b"2", second) + post(b"3"))
        told = [(await line.answer())[0] for _ in range(3)]
    assert told == [200, 200 if second == TOKEN else 404, 200]


async def test_what_waits_is_bounded() -> None:
    gate = Gate()
    async with running_ingress(publisher=StandInPublisher(behave=gate), publish_deadline=5) as run:
        async with line_to(run) as line:
            await line.send(post(b"first"))
            await until(lambda: gate.arrived == 1)
            many = [post(b"%d" % n + b"x" * 1000) for n in range(HELD_BACK * 8 // 1000)]
            sending = asyncio.create_task(line.send(b"".join(many)))
            await asyncio.sleep(0.1)
            gate.open.set()
            told = [await line.answer() for _ in range(len(many) + 1)]
            await sending
        assert {status for status, _, _ in told} == {200}
        bodies = [one.body for one in run.publisher.deliveries]
        assert [int(body.rstrip(b"x")) for body in bodies[1:]] == list(range(len(many)))


async def test_who_reads_no_answers_is_answered_no_more() -> None:
    """Answers that nobody reads would lie in memory without a bound."""
    async with running_ingress(providers=_LARGE) as run, line_to(run) as line:
        with suppress(TimeoutError):
            for n in range(500):
                await line.send(post(b"{}"))
                await until(partial(_has, run, n + 1), within=0.5)
        assert 5 < len(run.publisher.deliveries) < 500


def _has(run: Ingress, count: int) -> bool:
    return len(run.publisher.messages) >= count


async def test_sender_that_leaves_is_kept_all_the_same(taken: list[bool]) -> None:
    gate = Gate()
    async with running_ingress(publisher=StandInPublisher(behave=gate), publish_deadline=5) as run:
        async with line_to(run) as line:
            await line.send(post(b"left"))
            await until(lambda: gate.arrived == 1)
            line.abort()
        await asyncio.sleep(0.05)
        gate.open.set()
        await until(lambda: bool(run.publisher.deliveries))
        assert (await run.post(TOKEN, b"next"))[0] == 200
    assert taken == [True, True]


async def test_idle_connection_is_closed_a_busy_one_is_not() -> None:
    gate = Gate()
    async with (
        running_ingress(
            publisher=StandInPublisher(behave=gate), publish_deadline=5, keepalive_timeout=0.2
        ) as run,
        line_to(run) as line,
    ):
        await line.send(post(b"{}"))
        await asyncio.sleep(0.6)
        gate.open.set()
        assert (await line.answer())[0] == 200
        assert await line.is_closed()


async def test_shutdown_waits_for_what_is_on_the_lane() -> None:
    gate = Gate()
    async with running_ingress(publisher=StandInPublisher(behave=gate), publish_deadline=5) as run:
        async with line_to(run) as line:
            await line.send(post(b"{}"))
            await until(lambda: gate.arrived == 1)
            run.stop.set()
            await asyncio.sleep(0.1)
            gate.open.set()
            assert (await line.answer())[0] == 200
            assert await line.is_closed()
        assert [one.body for one in run.publisher.deliveries] == [b"{}"]


async def test_refusal_is_told_on_a_kept_connection(taken: list[bool]) -> None:
    async with running_ingress(pending_bytes=10_000) as run, line_to(run) as line:
        await line.send(post(b"x" * 1000))
        status, headers, body = await line.answer()
        assert (status, headers["retry-after"]) == (503, "5")
        assert body == b'{"error":"try again later"}'
        await line.send(post(b"x" * 900))
        assert (await line.answer())[0] == 200
    assert taken == [True, True]


_REQUESTS: Final = st.one_of(
    st.builds(
        post,
        st.sampled_from([b"", b"{}", b'{"SecretKey": "OLD-SECRET-KEY", "a": 1}', b'{"SecretKey": 1}', b"\xff", b"bug", b"x" * 1500]),
        st.sampled_from([
            TOKEN, f"{TOKEN}&event=E", f"{TOKEN}&event=%3C", "/webhooks/shop?token=wrong", "/webhooks/body",
            "/webhooks/free", "/webhooks/shop/one?token=open-sesame", "/api/documented", "/nowhere", "http://b/webhooks/free",
        ]),
        version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
        more=st.sampled_from([(), (), ("Content-Encoding: br",), ("Connection: close",), ("Expect: 100-continue",), ("Expect: tea",)]),
    ),
    st.sampled_from([
        b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /webhooks/free HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /webhooks/free HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"POST /webhooks/free HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /webhooks/free HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\n{}",
        b"NONSENSE\r\n\r\n",
    ]),
)  # fmt: skip


@dataclass(repr=False)  # Hypothesis shows it with each example that fails, and it is large
class Lanes:
    """Two ingresses, with the lane and without, and the loop that they are in."""

    runner: asyncio.Runner
    express: Ingress
    ordinary: Ingress

    def __repr__(self) -> str:
        return "Lanes()"

    def play(self, pieces: list[bytes]) -> list[_Played]:
        """Send the same to both, one after the other."""
        return [self.runner.run(_play(each, pieces)) for each in (self.express, self.ordinary)]


@pytest.fixture(scope="module")
def both() -> Iterator[Lanes]:
    """Run an ingress with the lane and one without, and the loop that they are in."""
    stack = AsyncExitStack()

    async def start() -> tuple[Ingress, Ingress]:
        express = await stack.enter_async_context(running_ingress(**_SMALL))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.ingress.run.Lane", _NoLane)
            ordinary = await stack.enter_async_context(running_ingress(**_SMALL))
        return express, ordinary

    with asyncio.Runner() as runner:
        yield Lanes(runner, *runner.run(start()))
        runner.run(stack.aclose())


class _NoLane(Lane):
    def take(self, *_about: object) -> bool:
        return False


_Played = tuple[list[list[bytes]] | None, list[tuple[str, bytes]]]
_SMALL: Final[dict[str, Any]] = {
    "max_body_bytes": 1000,
    "publish_deadline": 5,
    "body_timeout": 0.3,
    # so many failures as are sent here would be too many; limits by rate: `test_guard.py`
    "address_failure_burst": 1_000_000,
    "source_failure_burst": 1_000_000,
}


@settings(max_examples=200)
@given(
    requests=st.lists(_REQUESTS, min_size=1, max_size=6),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_lanes_answer_alike(both: Lanes, requests: list[bytes], cuts: list[float]) -> None:
    """Whatever is sent, in whatever pieces: the same answers, and the same deliveries."""
    sent = b"".join(requests)
    places = [0, *sorted(int(cut * len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[a:b] for a, b in pairwise(places) if a < b]
    express, ordinary = both.play(pieces)
    assert express[1] == ordinary[1]
    if express[0] is not None and ordinary[0] is not None:
        assert express[0] == ordinary[0]


async def _play(run: Ingress, pieces: list[bytes]) -> _Played:
    """Give the answers and the deliveries; None where a reset may have taken answers away.

    The server closes after some refusals, and what it had not read resets the connection.
    """
    run.publisher.messages.clear()
    told = None
    async with line_to(run) as line:
        with suppress(ConnectionResetError):
            for piece in pieces:
                await line.send(piece)
                await asyncio.sleep(0.001)
            await line.send(b"GET /health/live HTTP/1.0\r\n\r\n")  # ends the connection
            told = _without_order(await line.rest())
    await asyncio.sleep(0.005)
    return told, [(one.source, one.body) for one in run.publisher.deliveries]


def _without_order(answers: bytes) -> list[list[bytes]]:
    """Split answers into lines, those of each head in an order of their own, without the time."""
    told = re.sub(rb"Date: [^\r]*\r\n", b"", answers)
    return [sorted(head.split(b"\r\n")) for head in told.split(_HEAD_END)]
