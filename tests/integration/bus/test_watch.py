"""Looking at queues on a real broker: depths, consumers, a broker that goes away, a queue that is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from libs.bus import watch
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import ARCHIVE_QUEUE, DEAD, DEAD_QUEUE
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.runtime.metrics import REGISTRY

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]

MISSING = "caudal.there-is-none"


def told(queue: str, what: str = "messages") -> float | None:
    return REGISTRY.get_sample_value(f"caudal_queue_{what}", {"queue": queue})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.05)


async def test_depths_are_told_and_a_queue_that_is_missing_is_not(
    url: str, publisher: Publisher
) -> None:
    for _ in range(3):
        sent = await publisher.publish(DEAD, "", b"x", content_type="text/plain")
        assert sent is Outcome.CONFIRMED
    queues = (MISSING, ARCHIVE_QUEUE)
    async with watch.watching(url, name="test", consumed=queues, beside=(MISSING, DEAD_QUEUE)):
        await until(lambda: told(DEAD_QUEUE) == 3)
        await until(lambda: told(ARCHIVE_QUEUE) == 0)
        assert told(ARCHIVE_QUEUE, "consumers") == 0
        assert told(ARCHIVE_QUEUE, "predicted_drain_seconds") == 0
        assert told(MISSING) is None
        await publisher.publish(DEAD, "", b"x", content_type="text/plain")
        await until(lambda: told(DEAD_QUEUE) == 4)
    assert told(DEAD_QUEUE) is None, "nobody looks any more"


async def test_nothing_is_told_while_the_broker_is_away(url: str, broker: EmbeddedRabbit) -> None:
    async with watch.watching(url, name="test", consumed=(ARCHIVE_QUEUE,)):
        await until(lambda: told(ARCHIVE_QUEUE) == 0)
        await broker.flush()
        await broker.kill()
        await until(lambda: told(ARCHIVE_QUEUE) is None)
        await broker.start()
        await until(lambda: told(ARCHIVE_QUEUE) == 0)
