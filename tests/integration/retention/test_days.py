"""Days of the archive go whole, but for what is still needed, and hold nobody up."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from libs.runtime.failures import ContentionError
from libs.runtime.metrics import REGISTRY
from libs.runtime.retention import Retention
from libs.store.acts import Intent, Person, on_record
from libs.store.archive import ensure_partitions, file_deliveries
from libs.store.database import Pool, open_pool
from libs.store.parked import Choice, discard
from libs.store.retention import dropped_between, retention_turn, standing
from services.reconciler import retention as chore
from services.reconciler import run as process
from tests.integration.retention.days import (
    A_DAY,
    FIRST_DAY,
    KEPT,
    gone,
    on_file,
    outcome,
    partitions,
    taken,
    unknown,
    with_partitions,
)
from tests.integration.store.rooms import fetch, value
from tests.integration.store.test_archive import ONE
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, delivery_id, received, told

pytestmark = pytest.mark.servers


async def test_old_days_go_whole_and_young_ones_stay(pool: Pool) -> None:
    await with_partitions(pool)
    now = datetime.now(UTC)
    await ensure_partitions(pool, now, days=2)
    await taken(
        pool,
        *(outcome(1 + n * A_DAY // 2, about(f"p-{n}", paid(at=1))) for n in range(5)),
    )
    found = await gone(pool)
    assert [each.day for each in found.days] == [
        FIRST_DAY.date() + timedelta(days=n) for n in range(5)
    ]
    assert sum(each.deliveries for each in found.days) == 5
    assert found.done
    assert all(each.bytes > 0 for each in found.days)
    left = [f"{now + timedelta(days=n):%Y%m%d}" for n in range(-1, 3)]
    assert await partitions(pool) == sorted(
        [*(f"deliveries_{day}" for day in [*left, "default"]),
         *(f"translations_{day}" for day in [*left, "default"])]
    )  # fmt: skip
    assert await on_file(pool) == []
    assert await value(pool, "select count(*) from translations") == 0
    assert await value(pool, "select count(*) from dedupe_ledger") == 5
    assert (await gone(pool)).days == []


async def test_what_is_still_needed_stays_until_it_is_not(pool: Pool) -> None:
    """Never translated, or parked: whole, with its headers; and it goes when that is over."""
    await with_partitions(pool)
    untranslated = told(3, about("p-3", paid(at=1)))
    lost = outcome(3, *untranslated.readings).delivery
    assert lost is not None
    await file_deliveries(pool, [lost])
    await taken(pool, outcome(1, about("p-1", paid(at=1))), outcome(2, unknown()))
    found = await gone(pool)
    assert [
        (each.deliveries, each.kept) for each in found.days if each.deliveries or each.kept
    ] == [(1, 2)]
    assert await on_file(pool) == [delivery_id(2), delivery_id(3)]
    rows = await fetch(pool, "select tableoid::regclass::text as t, outcome from translations")
    assert [tuple(row) for row in rows] == [("translations_default", "parked")]
    assert (await gone(pool)).rows["deliveries"] == 0
    assert await discard(pool, Choice(delivery_ids=[delivery_id(2)]), "a test") == 1
    await taken(pool, outcome(3, *untranslated.readings))
    assert (await gone(pool)).rows["deliveries"] == 2
    assert await on_file(pool) == []
    assert await value(pool, "select count(*) from translations") == 0
    assert await value(pool, "select deliveries from archive_dropped where day = '2026-03-03'") == 3
    assert await value(pool, "select state from objects where provider_ref = 'p-3'") == "paid"


async def test_rows_without_a_partition_go_as_well(pool: Pool) -> None:
    await taken(pool, *(outcome(n, about(f"p-{n}", paid(at=1))) for n in range(1, 4)))
    assert await partitions(pool) == ["deliveries_default", "translations_default"]
    found = await gone(pool)
    assert (found.days, found.rows["deliveries"]) == ([], 3)
    between = await dropped_between(pool, received(0), received(10))
    assert between is not None
    assert (between.days, between.deliveries, between.first) == (1, 3, date(2026, 3, 3))
    assert await dropped_between(pool, received(10 * A_DAY), received(11 * A_DAY)) is None


async def test_nothing_goes_unless_it_is_said(pool: Pool) -> None:
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", paid(at=1))))
    before = await partitions(pool)
    assert (await gone(pool, Retention())).done
    assert (await partitions(pool), await on_file(pool)) == (before, [delivery_id(1)])


@pytest.mark.parametrize(
    "statement",
    [
        "select set_aside_day((now() at time zone 'UTC')::date - 15)",
        "select set_aside_day(null)",
        "select set_aside_day(current_date + 1)",
        "select * from drop_day((now() at time zone 'UTC')::date - 15)",
        "select * from drop_day(null)",
        "select forget_archived(now() - interval '14 days', 10)",
        "select forget_archived(null, 10)",
        "select forget_acts(now() - interval '364 days', 10)",
    ],
)
async def test_what_is_young_cannot_go(pool: Pool, statement: str) -> None:
    """The database itself refuses, whoever asks."""
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await fetch(pool, statement)


async def test_cut_off_in_the_middle_it_is_finished(pool: Pool) -> None:
    """Also where nobody wants anything to go any more; what is needed is there again."""
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", paid(at=1))), outcome(2, unknown()))
    await _set_aside(pool)
    assert await on_file(pool) == []
    assert (await gone(pool, Retention())).done
    assert await on_file(pool) == [delivery_id(2)]
    assert not [name for name in await partitions(pool) if name.startswith("going")]


async def test_late_ones_of_a_day_that_is_gone_are_taken(pool: Pool) -> None:
    """Out of a spool that lay for weeks: filed, translated, and gone with the next round."""
    await with_partitions(pool)
    await gone(pool)
    await taken(pool, outcome(7, about("p-7", paid(at=1))))
    assert await on_file(pool) == [delivery_id(7)]
    assert (await gone(pool)).rows["deliveries"] == 1
    assert await value(pool, "select state from objects") == "paid"


async def test_long_reader_is_let_read_and_nobody_is_held_up(
    pool: Pool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chore, "FIRST_PAUSE", timedelta(milliseconds=50))
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", paid(at=1))))
    reader = await asyncpg.connect(dsn)
    slowest, number = 0.0, 1
    try:
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            await reader.fetch("select count(*) from deliveries")
            letting = asyncio.create_task(gone(pool))
            while not letting.done():
                number += 1
                began = time.monotonic()
                await taken(pool, outcome(number, about(f"p-{number}", paid(at=1))))
                slowest = max(slowest, time.monotonic() - began)
            found = await letting
    finally:
        await reader.close()
    assert (found.days, found.done) == ([], False)
    assert found.held_up[0] == FIRST_DAY.date()
    assert number > 20
    assert slowest < 2.0  # the attempts hold up for a fifth of a second; a shared machine for more
    again = await gone(pool)
    assert again.done
    assert sum(each.deliveries for each in again.days) == number


async def test_one_at_a_time(pool: Pool, dsn: str) -> None:
    await with_partitions(pool)
    async with open_pool(dsn, size=1) as other, retention_turn(other) as turn:
        assert turn is not None
        async with retention_turn(pool) as second:
            assert second is None
        found = await gone(pool)
        assert (found.busy, found.done, found.days) == (True, False, [])
    assert len((await gone(pool)).days) == 5
    both = await asyncio.gather(gone(pool), gone(pool))
    assert not any(each.days for each in both)


async def _set_aside(pool: Pool) -> None:
    async with retention_turn(pool) as turn:
        assert turn is not None
        await turn.set_aside(FIRST_DAY.date())


async def test_set_aside_waits_for_nobody(pool: Pool, dsn: str) -> None:
    await with_partitions(pool)
    reader = await asyncpg.connect(dsn)
    async with reader.transaction():
        await reader.execute("select count(*) from translations")
        began = time.monotonic()
        with pytest.raises(ContentionError):
            await _set_aside(pool)
        assert time.monotonic() - began < 1.5
    await reader.close()


async def test_discarded_and_acts_go_when_they_are_old(pool: Pool) -> None:
    await taken(pool, outcome(1, unknown("a")), outcome(2, unknown("b")), outcome(3, unknown("c")))
    await discard(pool, Choice(delivery_ids=[delivery_id(1), delivery_id(2)]), "a test")
    await fetch(
        pool, "update parked set discarded_at = now() - interval '31 days' where value = 'a'"
    )
    async with on_record(pool, Intent(Person("ana", "cli:x"), "test", "", {})):
        pass
    await fetch(pool, "update acts set at = now() - interval '366 days' where outcome is null")
    found = await gone(pool, Retention(retention_archive_days=30, retention_acts_days=365))
    assert (found.rows["discarded"], found.rows["acts"]) == (1, 1)
    rows = await fetch(pool, "select value from parked order by value")
    assert [row["value"] for row in rows] == ["b", "c"]
    assert await value(pool, "select count(*) from acts") == 1


async def test_partitions_wait_for_the_turn_and_are_made_then(pool: Pool) -> None:
    """Both begin with the process: whoever meets the other does not wait an hour for the next time."""
    now = datetime.now(UTC)
    async with retention_turn(pool) as turn:
        assert turn is not None
        with pytest.raises(ContentionError):
            await ensure_partitions(pool, now, days=2)
        making = asyncio.create_task(process._partitions(pool))
        await asyncio.sleep(0.5)
        assert not making.done()
    await asyncio.wait_for(making, 5)
    assert await ensure_partitions(pool, now, days=2) == 0


async def test_how_it_stands_is_told(pool: Pool) -> None:
    await with_partitions(pool)
    await taken(pool, outcome(1, about("p-1", pending(at=1))))
    keeper = chore.Retention(pool, Retention(), asyncio.Event())
    await keeper.run()
    told_now = REGISTRY.get_sample_value
    assert told_now("caudal_retention_overdue_days") == 0  # nothing is to go
    assert told_now("caudal_retention_partitions_ahead_days") == 0
    assert (told_now("caudal_retention_oldest_partition_seconds") or 0) > 200 * 86400
    await chore.Retention(pool, KEPT, asyncio.Event()).tell()
    assert told_now("caudal_retention_overdue_days") == 5
    dropped = told_now("caudal_retention_dropped_total", {"what": "days"}) or 0
    await ensure_partitions(pool, datetime.now(UTC), days=3)
    await chore.Retention(pool, KEPT, asyncio.Event()).run()
    assert told_now("caudal_retention_overdue_days") == 0
    assert told_now("caudal_retention_partitions_ahead_days") == 4
    assert told_now("caudal_retention_dropped_total", {"what": "days"}) == dropped + 5
    now = await standing(pool)
    assert now.done_at is not None
    assert (now.dropped_days, now.dropped_deliveries, now.waiting) == (5, 1, 0)
    await file_deliveries(pool, [ONE])
    await keeper.tell()
    assert told_now("caudal_retention_unpartitioned_rows") == 1
