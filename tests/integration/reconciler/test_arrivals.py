"""The chore: it counts when nothing is held up, and every reconciler tells the same metrics."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.arrivals.week import HOUR, span_of
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import REGISTRY, SOURCE_SILENT
from libs.store.archive import file_deliveries
from libs.store.arrivals import arrivals_turn
from libs.store.database import Pool
from services.reconciler.arrivals import LONG_BACKLOG, Arrivals
from tests.integration.store.rooms import value
from tests.integration.store.test_arrivals import LATER, deliveries
from tests.integration.store.weeks import counted_weeks

pytestmark = pytest.mark.servers


class Queue:
    """How many messages wait to be filed, or that nobody can tell."""

    def __init__(self, waiting: int | None = 0) -> None:
        self.waiting = waiting

    async def backlog(self) -> int:
        if self.waiting is None:
            raise TemporaryError("no broker")
        return self.waiting


def chore(pool: Pool, queue: Queue | None = None, *, calm: int = 0) -> Arrivals:
    return Arrivals(pool, (queue or Queue()).backlog, calm=calm, settled=LATER)


def told(name: str, source: str = "shop") -> float | None:
    return REGISTRY.get_sample_value(f"caudal_source_{name}", {"source": source})


async def counted(pool: Pool) -> object:
    return await value(pool, "select coalesce(sum(deliveries), 0) from arrivals")


async def test_metric_goes_up_and_comes_back(
    pool: Pool, logged: list[MutableMapping[str, Any]]
) -> None:
    """Sixty an hour for weeks, then nothing for two hours, then they come again."""
    mark = span_of(datetime.now(UTC)) - HOUR
    await counted_weeks(pool, "shop", per_span=5, until=mark - HOUR, mark=mark - HOUR)
    ours = chore(pool)
    await ours.run()
    assert told("silent") == 1
    age = told("last_delivery_age_seconds")
    assert age is not None
    assert 2 * 3600 < age < 2 * 3600 + 900
    back = [datetime.now(UTC) - timedelta(minutes=1)] * 70
    await file_deliveries(pool, deliveries(back))
    async with arrivals_turn(pool, 0) as turn:  # the clock goes back, and forth again
        assert turn is not None
        await turn.count()
    await ours.run()
    await ours.run()
    assert told("silent") == 0
    age = told("last_delivery_age_seconds")
    assert age is not None
    assert 60 <= age < 120
    said = [(line["event"], line.get("source")) for line in logged if "source" in line]
    assert said == [("source_silent", "shop"), ("source_heard_again", "shop")]


async def test_usual_source_is_not_told(pool: Pool) -> None:
    mark = span_of(datetime.now(UTC)) + timedelta(minutes=10)
    await counted_weeks(pool, "usual", per_span=5, until=mark, mark=mark - HOUR)
    await chore(pool).run()
    assert told("silent", "usual") == 0


async def test_every_reconciler_tells_the_same(pool: Pool) -> None:
    """Whoever did not count tells what the other counted."""
    mark = span_of(datetime.now(UTC)) - HOUR
    await counted_weeks(pool, "same", per_span=5, until=mark - HOUR)
    await chore(pool).run()
    assert told("silent", "same") == 1
    SOURCE_SILENT.clear()  # as in another process
    async with arrivals_turn(pool) as turn:
        assert turn is not None
        await chore(pool).run()
    assert told("silent", "same") == 1


async def test_two_at_once_count_each_once(pool: Pool) -> None:
    now = datetime.now(UTC)
    await file_deliveries(pool, deliveries([now - n * timedelta(minutes=1) for n in range(50)]))
    chores = [chore(pool), chore(pool)]
    for _ in range(3):
        await asyncio.gather(*(each.run() for each in chores))
    assert await counted(pool) == 50


@pytest.mark.parametrize("waiting", [None, LONG_BACKLOG + 1])
async def test_what_is_held_up_is_not_missing(pool: Pool, waiting: int | None) -> None:
    """Nothing is counted while it waits, or while nobody knows."""
    queue = Queue(waiting)
    await file_deliveries(pool, deliveries([datetime.now(UTC)]))
    ours = chore(pool, queue)
    await ours.run()
    assert await counted(pool) == 0
    queue.waiting = LONG_BACKLOG
    await ours.run()
    assert await counted(pool) == 1


async def test_calm_begins_anew_after_trouble(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was held up comes on file in the minutes after; so long nothing is counted."""
    clock = _Clock(monkeypatch)
    queue = Queue()
    await file_deliveries(pool, deliveries([datetime.now(UTC)]))
    ours = chore(pool, queue, calm=420)
    for seconds, waiting in ((0, 0), (300, 0), (400, None), (430, 0), (840, 0)):
        clock.now, queue.waiting = seconds, waiting
        await ours.run()
        assert await counted(pool) == 0
    clock.now = 850
    await ours.run()
    assert await counted(pool) == 1


class _Clock:
    """The chore's own sense of time, moved by hand."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0
        patch.setattr("services.reconciler.arrivals._seconds", lambda: self.now)
