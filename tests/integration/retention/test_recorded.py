"""Who puts it on record that retention was done: the reconcilers, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from libs.runtime.retention import Retention
from libs.store.database import Pool
from libs.store.retention import standing
from services.reconciler import retention as chore
from tests.integration.retention.days import KEPT, gone, outcome, partitions, taken, with_partitions
from tests.integration.retention.test_command import run
from tests.unit.domain.saying import pending
from tests.unit.reconciler.telling import about

pytestmark = pytest.mark.servers


async def _done(pool: Pool) -> bool:
    return (await standing(pool)).done_at is not None


async def test_a_person_does_it_and_a_reconciler_says_that_it_is_done(pool: Pool, dsn: str) -> None:
    """Nobody who lets go of less, or of nothing, keeps an alert about the reconcilers silent."""
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", pending(at=1))))
    before = await partitions(pool)
    assert (await run(dsn, "retention", "run")).returncode == 0
    assert (await run(dsn, "retention", "run", days="30000")).returncode == 0
    assert await partitions(pool) == before
    assert not await _done(pool)
    assert (await gone(pool)).done
    assert len(await partitions(pool)) < len(before)
    assert not await _done(pool)
    stopped = asyncio.Event()
    stopped.set()
    await chore.Retention(pool, KEPT, stopped).run()
    assert not await _done(pool)
    await chore.Retention(pool, KEPT, asyncio.Event()).run()
    assert await _done(pool)


async def test_a_reconciler_that_keeps_everything_is_done(pool: Pool) -> None:
    """Nothing is due to it; who takes the numbers away is not woken a day later."""
    await chore.Retention(pool, Retention(), asyncio.Event()).run()
    assert await _done(pool)
