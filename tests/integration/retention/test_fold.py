"""What objects are folded from stays: with retention or without, late news ends in the same state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
import pytest_asyncio

from libs.contracts.webhook_translated import Translated
from libs.store.database import Pool, open_pool
from services.reconciler.apply import apply
from tests.integration.retention.days import (
    A_DAY,
    gone,
    on_file,
    outcome,
    taken,
    whole,
    with_partitions,
)
from tests.integration.store.rooms import folded_rows, table, value
from tests.servers import RunningServers
from tests.unit.domain.saying import full, paid, pending
from tests.unit.reconciler.histories import batches_of, expected_rows, history_of, outcomes_of
from tests.unit.reconciler.telling import about

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def other(servers: RunningServers, template: str) -> AsyncIterator[Pool]:
    """Give a second database, of which nothing goes."""
    found = servers.fresh_database(template)
    async with open_pool(found, size=2) as opened:
        yield opened
    servers.drop_database(found)


async def in_batches(pool: Pool, outcomes: Sequence[Translated], seed: int) -> None:
    for batch in batches_of(outcomes, Random(seed), 9):
        await apply(pool, batch)


@pytest.mark.parametrize("seed", range(4))
async def test_late_news_ends_as_if_nothing_had_gone(pool: Pool, other: Pool, seed: int) -> None:
    """Open and finished objects, repeats among what is late; the events are the same, one by one."""
    random = Random(seed)
    said = [each for n in range(12) for each in history_of(f"pay-{n}", Random(100 * seed + n), 9)]
    random.shuffle(said)
    early, late = said[: len(said) * 2 // 3], said[len(said) * 2 // 3 :]
    late += random.sample(early, len(early) // 3)
    random.shuffle(late)
    first = whole(outcomes_of(early))
    second = whole(outcomes_of(late, first=60 * A_DAY))
    for each in (pool, other):
        await with_partitions(each, days=1)
        await in_batches(each, first, seed)
    found = await gone(pool)
    assert sum(day.deliveries for day in found.days) == len(first)
    assert await on_file(pool) == []
    for each in (pool, other):
        await in_batches(each, second, seed)
    assert await folded_rows(pool) == await folded_rows(other) == expected_rows(said)
    for name in (
        "objects",
        "observations",
        "repeats",
        "aliases",
        "ledger",
        "outbox",
        "pokes",
        "parked",
    ):
        assert await table(pool, name) == await table(other, name), name


async def test_repeat_of_what_is_gone_has_no_effect(pool: Pool) -> None:
    """The same webhook again after its body went: the ledger knows it, and no event is told."""
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", pending(at=1))), outcome(2, about("p-1", paid(at=2))))
    events = await table(pool, "outbox")
    row = await folded_rows(pool)
    await gone(pool)
    await taken(pool, outcome(60 * A_DAY, about("p-1", pending(at=1))))
    assert await table(pool, "outbox") == events
    assert await folded_rows(pool) == row
    assert await value(pool, "select count(*) from observations") == 2
    [again] = await table(pool, "translations")
    assert str(again[4]) == outcome(1).delivery_id  # the duplicate of the one that is gone


async def test_message_that_comes_again_after_its_day_is_gone(pool: Pool) -> None:
    """The very same message, out of a dead-letter queue: what it said stands, once."""
    await with_partitions(pool)
    said = (outcome(1, about("p-1", pending(at=1))), outcome(2, about("p-1", paid(at=2))))
    await taken(pool, *said)
    before = {
        name: await table(pool, name)
        for name in ("objects", "observations", "repeats", "outbox", "ledger")
    }
    await gone(pool)
    await taken(pool, *said)
    for name, rows in before.items():
        assert await table(pool, name) == rows, name


async def test_finished_object_is_moved_by_what_comes_late(pool: Pool) -> None:
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", pending(at=1))), outcome(2, about("p-1", paid(at=2))))
    await gone(pool)
    await taken(pool, outcome(90 * A_DAY, about("p-1", full(at=9))))
    [row] = (await folded_rows(pool)).values()
    assert row[1] == "refunded"
    assert await value(pool, "select sequence from objects") == 3
