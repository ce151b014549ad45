"""A copy is read to its end: silence of a broker is none, and where none is reached that is said."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from libs.bus import kept
from libs.bus.kept import KEPT_EVENTS, KEPT_WEBHOOKS, keep_copies, read_kept
from libs.bus.link import connected
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import EVENTS
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.runtime.failures import PermanentError, TemporaryError

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]

MANY = 400
STANDS_STILL = 4.0  # seconds: longer than what is the end behind the end


@pytest_asyncio.fixture(loop_scope="session")
async def copied(url: str) -> AsyncIterator[str]:
    """Return the broker's URL, with copies that are kept."""
    await keep_copies(url, 3600)
    yield url
    async with connected(url, name="tests") as connection:
        channel = await connection.channel()
        for stream in (KEPT_EVENTS, KEPT_WEBHOOKS):
            await channel.queue_delete(stream)


class Reader:
    """Takes all, and has the broker stand still after the first batch."""

    def __init__(self, broker: EmbeddedRabbit | None = None) -> None:
        self.bodies: list[bytes] = []
        self.going_on: asyncio.Task[None] | None = None
        self._broker = broker

    async def take(self, messages: Sequence[Message]) -> bool:
        self.bodies += [each.body for each in messages]
        if self._broker is not None and self.going_on is None:
            node = self._broker.node
            assert node is not None
            node.send(signal.SIGSTOP)
            self.going_on = asyncio.create_task(self._go_on())
        return True

    async def _go_on(self) -> None:
        await asyncio.sleep(STANDS_STILL)
        assert self._broker is not None
        assert self._broker.node is not None
        self._broker.node.send(signal.SIGCONT)


async def publish(publisher: Publisher, count: int) -> list[bytes]:
    bodies = [b"%d" % number for number in range(count)]
    for body in bodies:
        outcome = await publisher.publish(EVENTS, "payment.paid.x", body, content_type="t")
        assert outcome is Outcome.CONFIRMED
    return bodies


async def test_broker_that_stands_still_is_waited_for(
    copied: str, publisher: Publisher, broker: EmbeddedRabbit
) -> None:
    bodies = await publish(publisher, MANY)
    reader = Reader(broker)
    assert await read_kept(copied, KEPT_EVENTS, reader.take) == MANY
    assert reader.bodies == bodies


async def test_end_that_is_not_reached_is_said(
    copied: str, publisher: Publisher, broker: EmbeddedRabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(publisher, MANY)
    monkeypatch.setattr(kept, "PATIENCE", 1.0)
    reader = Reader(broker)
    with pytest.raises(TemporaryError, match="not read to its end: idle"):
        await read_kept(copied, KEPT_EVENTS, reader.take)
    assert 0 < len(reader.bodies) < MANY
    assert reader.going_on is not None
    await reader.going_on


async def test_reader_who_has_enough(copied: str, publisher: Publisher) -> None:
    await publish(publisher, MANY)
    taken: list[Message] = []

    async def enough(messages: Sequence[Message]) -> bool:
        taken.extend(messages)
        return False

    assert await read_kept(copied, KEPT_EVENTS, enough) == len(taken) < MANY


async def test_empty_copy_and_none(copied: str) -> None:
    reader = Reader()
    assert await read_kept(copied, KEPT_WEBHOOKS, reader.take) == 0
    with pytest.raises(PermanentError, match="there is no"):
        await read_kept(copied, "caudal.kept.nothing", reader.take)
