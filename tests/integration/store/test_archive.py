"""The archive keeps exact bytes in day partitions, and refuses nothing for its day."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import pytest

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.runtime.failures import ContentionError
from libs.store.archive import delivery_on_file, ensure_partitions, file_deliveries
from libs.store.database import Pool, session, transaction
from libs.store.queries import query
from libs.store.retention import RETENTION_LOCK, retention_turn
from tests.integration.store.rooms import fetch, value
from tests.unit.reconciler.telling import delivery_id

pytestmark = pytest.mark.servers

NOW = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
ONE = Delivery(
    id=delivery_id(1),
    source="clip-mx",
    provider="clip",
    body=b'\x00\xff {"a": "\xc3\xa9"}\r\n',
    received_at=NOW,
    authority=Authority.SECRET,
    content_type="text/plain; charset=x",
    headers=MappingProxyType({"user-agent": 'a "b" \u00e9'}),
    route_event="TRANSFER_UPDATE",
    origin=Origin.REPLAY,
    traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)


async def partition_of(pool: Pool, number: int) -> object:
    return await value(
        pool, "select tableoid::regclass::text from deliveries where id = $1", delivery_id(number)
    )


async def test_delivery_reads_back_exactly(pool: Pool) -> None:
    await ensure_partitions(pool, NOW)
    await file_deliveries(pool, [ONE])
    assert await delivery_on_file(pool, ONE.id) == ONE
    assert await delivery_on_file(pool, delivery_id(2)) is None


async def test_filing_again_changes_nothing(pool: Pool) -> None:
    """The first stays, also where the second claims to be the same and is not."""
    await file_deliveries(pool, [ONE, ONE])
    await file_deliveries(pool, [replace(ONE, body=b"other")])
    assert await delivery_on_file(pool, ONE.id) == ONE


async def test_filing_nothing_is_fine(pool: Pool) -> None:
    await file_deliveries(pool, [])
    assert await value(pool, "select count(*) from deliveries") == 0


async def test_partitions_reach_days_ahead(pool: Pool) -> None:
    assert await ensure_partitions(pool, NOW, days=3) == 2 * 5
    assert await ensure_partitions(pool, NOW, days=3) == 0
    assert await ensure_partitions(pool, NOW + timedelta(hours=1), days=3) == 2


async def test_each_day_has_its_partition(pool: Pool) -> None:
    await ensure_partitions(pool, NOW)
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    moments = [NOW, midnight - timedelta(microseconds=1), midnight]
    await file_deliveries(
        pool,
        [replace(ONE, id=delivery_id(n), received_at=at) for n, at in enumerate(moments)],
    )
    assert [await partition_of(pool, n) for n in range(3)] == [
        "deliveries_20260302",
        "deliveries_20260302",
        "deliveries_20260303",
    ]


@pytest.mark.parametrize("year", [1, 1999, 9999])
async def test_far_days_are_kept_too(pool: Pool, year: int) -> None:
    await ensure_partitions(pool, NOW)
    far = replace(ONE, received_at=ONE.received_at.replace(year=year))
    await file_deliveries(pool, [far])
    assert await partition_of(pool, 1) == "deliveries_default"
    assert await delivery_on_file(pool, ONE.id) == far


async def test_early_rows_move_to_their_partition(pool: Pool) -> None:
    """Filed before the day's partition was made, as after a long stop of all reconcilers."""
    tomorrow = replace(ONE, id=delivery_id(2), received_at=NOW + timedelta(days=1))
    far = replace(ONE, id=delivery_id(3), received_at=NOW + timedelta(days=90))
    await file_deliveries(pool, [ONE, tomorrow, far])
    assert await ensure_partitions(pool, NOW) == 2 * 9
    assert [await partition_of(pool, n) for n in (1, 2, 3)] == [
        "deliveries_20260302",
        "deliveries_20260303",
        "deliveries_default",
    ]
    assert await delivery_on_file(pool, ONE.id) == ONE


async def test_partitions_made_at_once_by_four(pool: Pool) -> None:
    """Each is made once, by whoever comes first to its table: two may share the work."""
    made = await asyncio.gather(*(ensure_partitions(pool, NOW) for _ in range(4)))
    assert sum(made) == 2 * 9
    assert set(made) <= {0, 9, 18}
    assert await ensure_partitions(pool, NOW) == 0


async def test_a_made_partition_has_every_guard(pool: Pool) -> None:
    """Its keys and checks are those of the table, and old days may be dropped whole."""
    await ensure_partitions(pool, NOW)
    rows = await fetch(
        pool,
        "select conname, contype::text, conrelid::regclass::text as of from pg_constraint"
        " where conrelid in ('translations'::regclass, 'translations_20260302'::regclass)"
        " and contype in ('p', 'c') order by contype, of",
    )
    assert [(row["contype"], row["of"]) for row in rows] == [
        ("c", "translations"),
        ("c", "translations_20260302"),
        ("p", "translations"),
        ("p", "translations_20260302"),
    ]
    first = date(2026, 3, 1)
    assert await value(pool, "select to_regclass($1)::text", f"deliveries_{first:%Y%m%d}")


async def test_every_partition_learns_by_itself_what_came_lately(pool: Pool) -> None:
    """The index by which that is found; else it would read all since the last vacuum, every time."""
    await ensure_partitions(pool, NOW, days=1)
    rows = await fetch(
        pool,
        "select c.relname, c.reloptions from pg_inherits join pg_class c on c.oid = inhrelid"
        " where inhparent = 'deliveries_archived'::regclass order by 1",
    )
    days = ("20260301", "20260302", "20260303", "default")
    assert [(row["relname"], row["reloptions"]) for row in rows] == [
        (f"deliveries_{day}_archived_at_idx", ["autosummarize=on"]) for day in days
    ]


async def test_makers_of_partitions_are_not_in_each_others_way(pool: Pool) -> None:
    """One has ended and its locks are given back one by one; retention still waits for its turn."""
    async with transaction(pool) as connection:
        assert await connection.fetchval(query("keep_retention_away"), RETENTION_LOCK)
        assert await ensure_partitions(pool, NOW + timedelta(days=60), days=1) > 0
        async with retention_turn(pool) as turn:
            assert turn is None
    async with retention_turn(pool) as turn:
        assert turn is not None


async def test_filing_goes_on_while_partitions_are_made(pool: Pool) -> None:
    """Both orders of locks, many times: whoever comes second waits and then succeeds."""
    deliveries = [
        replace(ONE, id=delivery_id(n), received_at=NOW + timedelta(days=n % 30))
        for n in range(120)
    ]
    filing = [file_deliveries(pool, deliveries[start::12]) for start in range(12)]
    making = [ensure_partitions(pool, NOW + timedelta(days=n), days=6) for n in range(0, 30, 6)]
    await asyncio.gather(*filing, *making)
    assert await value(pool, "select count(*) from deliveries") == len(deliveries)
    assert await value(pool, "select count(*) from deliveries_default") == 0


async def test_no_partition_is_made_while_a_day_is_dropped(pool: Pool) -> None:
    """That writes to the tables for long: who made one would wait, and all who file behind it."""
    async with retention_turn(pool) as turn:
        assert turn is not None
        async with session(pool) as dropping, dropping.transaction():
            await dropping.execute("lock table deliveries in row exclusive mode")
            with pytest.raises(ContentionError):
                await ensure_partitions(pool, NOW)
            await file_deliveries(pool, [ONE])
    assert await ensure_partitions(pool, NOW, days=0) == 4
    assert await ensure_partitions(pool, NOW, days=0) == 0
