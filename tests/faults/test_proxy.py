"""The proxy does what its cases rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from libs.embedded.ports import LOOPBACK
from tests.faults.proxy import Proxy, proxy

SECONDS = 5.0


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[int]:
    """Run a server that says back what it hears; gives its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100_000):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest_asyncio.fixture
async def link(echo: int) -> AsyncIterator[Proxy]:
    async with proxy(echo) as made:
        yield made


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[Proxy], Awaitable[Ends]]


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open connections, and cut them at the end."""
    opened: list[asyncio.StreamWriter] = []

    async def open_one(link: Proxy) -> Ends:
        ends = await asyncio.open_connection(LOOPBACK, link.port)
        opened.append(ends[1])
        return ends

    yield open_one
    for writer in opened:
        writer.transport.abort()


async def said_back(ends: Ends, data: bytes) -> bytes:
    reader, writer = ends
    writer.write(data)
    async with asyncio.timeout(SECONDS):
        return await reader.readexactly(len(data))


async def everything(ends: Ends) -> None:
    async with asyncio.timeout(SECONDS):
        while await ends[0].read(100):
            continue


async def is_silent(ends: Ends) -> bool:
    try:
        async with asyncio.timeout(0.2):
            await ends[0].read(1)
    except TimeoutError:
        return True
    return False


async def test_healthy_link_passes_everything(link: Proxy, connect: Connect) -> None:
    data = bytes(range(256)) * 4_000

    assert await said_back(await connect(link), data) == data


async def test_slices_and_latency_change_nothing(link: Proxy, connect: Connect) -> None:
    link.up.slice_bytes, link.down.latency, link.down.jitter = 1, 0.02, 0.02

    assert await said_back(await connect(link), b"0123456789" * 20) == b"0123456789" * 20


async def test_bandwidth_takes_its_time(link: Proxy, connect: Connect) -> None:
    link.up.rate = 10_000.0
    clock = asyncio.get_running_loop().time
    began = clock()
    await said_back(await connect(link), bytes(3_000))

    assert clock() - began > 0.25


@pytest.mark.parametrize("side", ["up", "down"])
async def test_hole_holds_and_heals(link: Proxy, connect: Connect, side: str) -> None:
    ends = await connect(link)
    await said_back(ends, b"before")
    link.hole("up" if side == "up" else "down")
    ends[1].write(b"into the hole")

    assert await is_silent(ends)
    link.heal()
    assert await said_back(ends, b"") == b""
    async with asyncio.timeout(SECONDS):
        assert await ends[0].readexactly(13) == b"into the hole"


async def test_reset_breaks_a_frame(link: Proxy, connect: Connect) -> None:
    ends = await connect(link)
    await said_back(ends, b"before")
    breaking = asyncio.create_task(link.reset())
    await asyncio.sleep(0)
    ends[1].write(b"0123456789")
    with pytest.raises(ConnectionResetError):
        await everything(ends)
    await breaking


async def test_idle_connection_is_reset(link: Proxy, connect: Connect) -> None:
    ends = await connect(link)
    await said_back(ends, b"before")
    await link.reset()

    with pytest.raises(ConnectionResetError):
        await ends[0].read(1)


async def test_refused_and_back_on_its_port(link: Proxy, connect: Connect) -> None:
    await link.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(link)
    await link.listen()

    assert await said_back(await connect(link), b"again") == b"again"


async def test_muted_link_accepts_in_silence(link: Proxy, connect: Connect) -> None:
    link.mute()
    ends = await connect(link)
    ends[1].write(b"anybody?")

    assert await is_silent(ends)
    link.heal()
    assert await said_back(await connect(link), b"yes") == b"yes"


async def test_half_open_tells_the_client_nothing(link: Proxy, connect: Connect) -> None:
    ends = await connect(link)
    await said_back(ends, b"before")
    link.half_open()
    ends[1].write(b"anybody?")

    assert await is_silent(ends)
    assert await said_back(await connect(link), b"a new one") == b"a new one"
