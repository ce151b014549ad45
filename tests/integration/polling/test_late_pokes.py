"""A poke that waits for a row while somebody claims it is neither lost nor put off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from libs.store.database import Pool, transaction
from libs.store.polls import (
    Claimed,
    Looked,
    claim_polls,
    forget_polls,
    move_pokes,
    note_looked,
    note_tried,
)
from tests.integration.bus.waiting import until
from tests.integration.polling.rooms import OTHER, REF, heard, poke
from tests.integration.store.rooms import fetch, value

pytestmark = pytest.mark.servers

FIRST, LATER = sorted((OTHER, REF))  # as the pokes are moved


@asynccontextmanager
async def claimed_before_its_poke(pool: Pool) -> AsyncIterator[Claimed]:
    """Begin to move two pokes, claim the second row while the first is waited for, and move them."""
    for number, ref in enumerate((FIRST, LATER)):
        await heard(pool, number + 1, poke(ref))
    await move_pokes(pool, 10)
    for number, ref in enumerate((FIRST, LATER)):
        await heard(pool, number + 3, poke(ref))
    async with transaction(pool) as connection:
        await connection.execute("select from polls where provider_ref = $1 for update", FIRST)
        moving = asyncio.create_task(move_pokes(pool, 10))
        await until(lambda: _waits(pool), 3)
        [claimed] = await claim_polls(pool, "clip", 10, by="r1", lease=60)
    assert claimed.poll.provider_ref == LATER
    assert await moving == ["clip", "clip"]
    yield claimed


async def _waits(pool: Pool) -> bool:
    waiting = await value(
        pool,
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'",
    )
    return waiting == 1


def found(claimed: Claimed) -> Looked:
    return Looked(
        why="check", look_at=claimed.now + timedelta(hours=1), due_at=None, ask_at=None,
        base_at=claimed.now, seen_at=None,
    )  # fmt: skip


async def due(pool: Pool) -> list[tuple[object, ...]]:
    """Tell what is looked at now, and as what."""
    rows = await fetch(
        pool,
        "select provider_ref, why from polls where look_at <= now() and claimed_by is null"
        ' order by provider_ref collate "C"',
    )
    return [tuple(row) for row in rows]


async def test_settled_row_stays(pool: Pool) -> None:
    async with claimed_before_its_poke(pool) as claimed:
        await forget_polls(pool, [claimed])
    assert await due(pool) == [(FIRST, "poked"), (LATER, "poked")]


async def test_row_is_looked_at_at_once(pool: Pool) -> None:
    """And does not wait behind those that nobody poked."""
    async with claimed_before_its_poke(pool) as claimed:
        await note_looked(pool, [(claimed, found(claimed))])
    assert await due(pool) == [(FIRST, "poked"), (LATER, "poked")]


async def test_answer_from_before_is_not_enough(pool: Pool) -> None:
    async with claimed_before_its_poke(pool) as claimed:
        await note_tried(
            pool, claimed, found(claimed), "answered", answered=True, failed=False, digest=None,
            again_in=3600,
        )  # fmt: skip
    assert await due(pool) == [(FIRST, "poked"), (LATER, "poked")]
