"""A tap collects what passes an exchange, over restarts, until its reader has put it away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import queue_depths
from libs.bus.tap import bind_tap, delete_tap, drain_tap
from libs.bus.topology import EVENTS
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.runtime.failures import PermanentError, TemporaryError

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]

TAP = "caudal.test.tap"


@pytest_asyncio.fixture(loop_scope="session")
async def tapped(url: str) -> AsyncIterator[str]:
    """Return the broker's URL, with a tap bound to the events."""
    await bind_tap(url, TAP, EVENTS)
    yield url
    await delete_tap(url, TAP)


async def publish(publisher: Publisher, *bodies: bytes) -> None:
    for body in bodies:
        outcome = await publisher.publish(EVENTS, "payment.paid.x", body, content_type="t")
        assert outcome is Outcome.CONFIRMED


async def read(url: str) -> list[bytes]:
    found: list[bytes] = []
    taken = await drain_tap(url, TAP, lambda some: found.extend(each.body for each in some))
    assert taken == len(found)
    return found


async def eventually_read(url: str) -> list[bytes]:
    """Read as soon as the broker is up again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await read(url)
            except TemporaryError:
                await asyncio.sleep(0.1)


async def test_tap_gives_what_passed(tapped: str, publisher: Publisher) -> None:
    await publish(publisher, b"1", b"2", b"3")
    assert await read(tapped) == [b"1", b"2", b"3"]
    assert await read(tapped) == []


async def test_binding_again_changes_nothing(tapped: str, publisher: Publisher) -> None:
    await publish(publisher, b"1")
    await bind_tap(tapped, TAP, EVENTS)
    await publish(publisher, b"2")
    assert await read(tapped) == [b"1", b"2"]


async def test_failed_reader_loses_nothing(tapped: str, publisher: Publisher) -> None:
    await publish(publisher, b"1", b"2")

    def fail(_: Sequence[Message]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await drain_tap(tapped, TAP, fail)
    assert await read(tapped) == [b"1", b"2"]


async def test_tap_outlives_the_broker(
    tapped: str, publisher: Publisher, broker: EmbeddedRabbit
) -> None:
    await publish(publisher, b"1")
    assert (await queue_depths(tapped, [TAP]))[TAP] == 1
    await broker.flush()
    await broker.kill()
    with pytest.raises(TemporaryError):
        await read(tapped)
    await broker.start()
    assert await eventually_read(tapped) == [b"1"]


async def test_missing_tap_says_so(url: str) -> None:
    with pytest.raises(PermanentError, match="there is no queue"):
        await drain_tap(url, "caudal.test.none", lambda _: None)


async def test_absent_broker_is_temporary() -> None:
    with pytest.raises(TemporaryError):
        await bind_tap("amqp://127.0.0.1:9/", TAP, EVENTS)
