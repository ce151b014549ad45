"""Whoever is slow, silent, or one of too many: the connection ends, and others have theirs."""

from __future__ import annotations

import asyncio
import gzip
import time
from contextlib import suppress

import pytest

from libs.runtime.metrics import REGISTRY
from services.ingress.guarded import LINGERS_FOR
from tests.unit.ingress.stand_ins import Ingress, running_ingress, until

TARGET = "/webhooks/shop?token=open-sesame"
WHOLE = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def limited(reason: str, source: str = "") -> float:
    labels = {"source": source, "reason": reason}
    return REGISTRY.get_sample_value("caudal_ingress_limited_total", labels) or 0


async def connect(run: Ingress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = run.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def rest(reader: asyncio.StreamReader, within: float = 5.0) -> bytes:
    """Read until the server closes."""
    with suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), within)
    return b""


@pytest.mark.usefixtures("both_lanes")
@pytest.mark.parametrize("before", [b"", WHOLE], ids=["first", "second"])
async def test_slow_head_ends(before: bytes) -> None:
    """Each byte comes in time; all of them together do not."""
    async with running_ingress(head_timeout=0.3) as run:
        reader, writer = await connect(run)
        began = time.monotonic()
        if before:
            writer.write(before)
            await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        ended = asyncio.create_task(rest(reader))
        for byte in f"POST {TARGET} HTTP/1.1\r\nHost: {'a' * 100}".encode():
            if ended.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        answer = await ended
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert answer.endswith(b'{"error":"head too slow"}')
        assert time.monotonic() - began < 3
        writer.close()


async def test_head_in_time_is_not_cut() -> None:
    """The deadline is for one head, not for the connection."""
    async with running_ingress(head_timeout=0.3) as run:
        reader, writer = await connect(run)
        for _ in range(6):
            writer.write(WHOLE[:30])
            await asyncio.sleep(0.1)
            writer.write(WHOLE[30:])
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        writer.close()
    assert len(run.publisher.deliveries) == 6


async def test_slow_body_gives_its_memory_back() -> None:
    async with running_ingress(body_timeout=0.3, pending_bytes=20_000) as run:
        lines = []
        for _ in range(2):
            reader, writer = await connect(run)
            writer.write(
                f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n".encode()
            )
            lines.append((reader, writer))
        await asyncio.sleep(0.1)
        assert (await run.post(TARGET, b"x" * 2000))[0] == 503
        for reader, writer in lines:
            assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")
            writer.close()
        assert (await run.post(TARGET, b"x" * 2000))[0] == 200


async def test_refused_body_is_not_read_for_ever() -> None:
    """Whoever sends on and on after the answer is cut off: after so many bytes, however fast they came."""
    async with running_ingress() as run:
        reader, writer = await connect(run)
        writer.write(
            f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n".encode()
        )
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(
            b"HTTP/1.1 413 "
        )
        sent = 0
        with suppress(ConnectionError):
            while sent < 10 * LINGERS_FOR:
                writer.write(b"x" * 100_000)
                sent += 100_000
                await writer.drain()
        assert sent < 4 * LINGERS_FOR  # what lies in the kernel's buffers counts as well
        writer.transport.abort()


async def test_bodies_that_had_no_room_add_up_to_nothing() -> None:
    """What is thrown away of each counts by itself: the connection is as good as ever."""
    async with running_ingress(pending_bytes=300_000) as run:
        reader, writer = await connect(run)
        head = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n".encode()
        for _ in range(LINGERS_FOR // 500_000 + 3):
            writer.write(head + b"x" * 400_000)
            answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
            assert answer.startswith(b"HTTP/1.1 503 ")
            writer.write(b"x" * 500_000)  # after the answer: it is thrown away
            await writer.drain()
        writer.close()


async def test_who_reads_nothing_is_cut_off() -> None:
    before = limited("unread")
    async with running_ingress(write_timeout=0.3) as run:
        _, writer = await connect(run)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        with suppress(ConnectionError, TimeoutError):
            for _ in range(2000):
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
                await asyncio.wait_for(writer.drain(), 2)
                if limited("unread") > before:
                    break
        await until(lambda: limited("unread") == before + 1)
        writer.transport.abort()
        assert (await run.post(TARGET))[0] == 200


async def test_too_many_of_one_address_are_turned_away() -> None:
    before = limited("address_connections")
    async with running_ingress(address_connections=3) as run:
        lines = [await connect(run) for _ in range(3)]
        for reader, writer in lines:  # each of them has been accepted
            writer.write(WHOLE)
            await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        reader, writer = await connect(run)
        answer = await rest(reader)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert limited("address_connections") == before + 1
        lines[0][1].close()
        await asyncio.sleep(0.05)
        reader, writer = await connect(run)
        writer.write(WHOLE)
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        for _, open_one in [*lines[1:], (reader, writer)]:
            open_one.close()


async def test_idle_ones_make_room_busy_ones_do_not() -> None:
    async with running_ingress(max_connections=4, body_timeout=5) as run:
        slow_reader, slow = await connect(run)
        slow.write(WHOLE[:-1])
        await asyncio.sleep(0.05)
        lines = []
        for _ in range(3):
            reader, writer = await connect(run)
            writer.write(WHOLE)
            await asyncio.wait_for(reader.readuntil(b"ok"), 5)
            lines.append((reader, writer))
        for nth in range(3):
            lines.append(await connect(run))
            assert await rest(lines[nth][0]) == b""  # the one that was idle for longest
        for _, writer in lines[3:]:
            writer.write(WHOLE[:-1])
        await asyncio.sleep(0.1)
        reader, writer = await connect(run)
        answer = await rest(reader)  # all of them have begun something
        writer.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in answer
        slow.write(WHOLE[-1:])
        assert b"200 OK" in await asyncio.wait_for(slow_reader.readuntil(b"ok"), 5)
        for _, open_one in [*lines, (slow_reader, slow)]:
            open_one.close()


@pytest.mark.usefixtures("both_lanes")
async def test_bombs_are_not_opened(ingress: Ingress) -> None:
    """Compressed bodies are refused unread, by whatever name; deep and wide ones in milliseconds."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    for coding in ("gzip", "GZIP", "x-gzip", "br", "zstd", "deflate", "gzip, identity"):
        status, _ = await ingress.post(TARGET, bomb, {"Content-Encoding": coding})
        assert status == 415
    key = b'"SecretKey":"OLD-SECRET-KEY"'
    for body in (
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{%b,"a":[%b]}' % (key, b",".join([b"0"] * 300_000)),
        b'{%b,"a":%b}' % (key, b"9" * 1_000_000),
        b'{%b,"a":-0.%b}' % (key, b"1" * 1_000_000),
        b'{%b,"a":1e%b}' % (key, b"9" * 100),
    ):
        began = time.perf_counter()
        assert (await ingress.post("/webhooks/body", body))[0] == 400
        assert time.perf_counter() - began < 1
    assert ingress.publisher.messages == []
