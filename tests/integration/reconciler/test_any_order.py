"""The promise, against the real database: order, repetition and company of arrival do not matter."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool, open_pool
from services.reconciler.applied import Applied
from services.reconciler.apply import apply
from tests.integration.store.rooms import fetch, folded_rows, value
from tests.unit.reconciler.histories import (
    batches_of,
    expected_rows,
    history_of,
    outcomes_of,
)

pytestmark = pytest.mark.servers

ATTEMPTS = 20


async def apply_all(dsn: str, batches: list[list[Translated]], hurt: Counter[str]) -> Applied:
    """Apply batch after batch over a pool of its own, each until it is through."""
    total = Applied()
    async with open_pool(dsn, size=1) as pool:
        for batch in batches:
            for _ in range(ATTEMPTS):
                try:
                    total.add(await apply(pool, batch))
                    break
                except TemporaryError as error:
                    hurt[type(error.__cause__).__name__] += 1
            else:
                pytest.fail(f"not through in {ATTEMPTS} attempts: {hurt}")
    return total


async def sequences_without_gap(pool: Pool) -> bool:
    """Whether the outbox has 1..n for each object, in order of publication, up to its row."""
    rows = await fetch(
        pool,
        "select o.sequence, coalesce(array_agg(x.sequence order by x.id)"
        " filter (where x.id is not null), '{}') as told"
        " from objects o left join outbox x on x.object_id = o.id group by o.id",
    )
    return all(list(row["told"]) == list(range(1, row["sequence"] + 1)) for row in rows)


def shuffled_with_repeats(said: list[Observation], random: Random) -> list[Translated]:
    """Deliver everything twice, by different deliveries, in any order."""
    order = said * 2
    random.shuffle(order)
    return outcomes_of(order)


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_ends_in_one_state(pool: Pool, dsn: str, seed: int) -> None:
    """Two reconcilers at once, random batches, everything twice."""
    said = [
        each
        for number in range(8)
        for each in history_of(f"pay-{number}", Random(number), 3 + number)
    ]
    random = Random(seed)
    hurt: Counter[str] = Counter()
    arriving = shuffled_with_repeats(said, random)
    done = await asyncio.gather(
        *(apply_all(dsn, batches_of(arriving[half::2], random, 12), hurt) for half in (0, 1))
    )
    assert await folded_rows(pool) == expected_rows(said)
    assert await value(pool, "select count(*) from observations") == len(said)
    assert sum(each.observations for each in done) >= len(said)
    assert await value(pool, "select count(*) from repeats") == len(said)
    assert await sequences_without_gap(pool)
    assert not hurt


@pytest.mark.parametrize("appliers", [2, 4])
async def test_appliers_at_once_never_deadlock(pool: Pool, dsn: str, appliers: int) -> None:
    """Thousands of observations of the same fifty objects, every batch touching many of them."""
    random = Random(appliers)
    said = [each for n in range(50) for each in history_of(f"hot-{n}", Random(n), 40)]
    random.shuffle(said)
    arriving = outcomes_of(said)
    hurt: Counter[str] = Counter()
    await asyncio.gather(
        *(
            apply_all(dsn, batches_of(arriving[nth::appliers], random, 120), hurt)
            for nth in range(appliers)
        )
    )
    assert hurt["DeadlockDetectedError"] == 0
    assert not hurt
    assert await value(pool, "select count(*) from observations") == len(said)
    assert await folded_rows(pool) == expected_rows(said)
    assert await sequences_without_gap(pool)


async def test_same_batches_at_once_are_one(pool: Pool, dsn: str) -> None:
    """A broker that lost its acknowledgements delivers the same again to another reconciler."""
    said = [each for n in range(10) for each in history_of(f"twice-{n}", Random(n), 10)]
    batches = batches_of(outcomes_of(said), Random(7), 20)
    hurt: Counter[str] = Counter()
    opposite = [list(reversed(batch)) for batch in batches]
    await asyncio.gather(apply_all(dsn, batches, hurt), apply_all(dsn, opposite, hurt))
    assert not hurt
    assert await folded_rows(pool) == expected_rows(said)
    assert await value(pool, "select count(*) from repeats") == 0
    assert await value(pool, "select count(*) from translations") == len(said)
    assert await sequences_without_gap(pool)


async def test_parked_at_once_never_deadlock(dsn: str, pool: Pool) -> None:
    """The same parked deliveries in opposite order: each batch waits for rows of the other."""
    said = [each for n in range(400) for each in history_of(f"late-{n}", Random(n), 1)]
    waiting = [replace(each, provider_ref=None, merchant_ref=f"m-{each.key}") for each in said]
    hurt: Counter[str] = Counter()
    for round_ in range(4):
        outcomes = outcomes_of(waiting, first=1000 * round_)
        forth, back = [outcomes], [list(reversed(outcomes))]
        await asyncio.gather(*(apply_all(dsn, batches, hurt) for batches in (forth, back, forth)))
    assert not hurt
    assert await value(pool, "select count(*) from parked") == 4 * len(waiting)
