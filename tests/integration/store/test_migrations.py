"""From nothing to the newest schema, once, twice, and by two at the same time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import asyncpg
import pytest

from libs.runtime.failures import TemporaryError
from libs.store import migrate as migrating
from libs.store.database import Pool, open_pool
from libs.store.inspect import counts
from libs.store.migrate import migrate, newest_revision
from libs.store.roles import LOOK_EVERY, MIGRATIONS_LOCK, grant_after_migration
from tests.integration.store.rooms import fetch

pytestmark = pytest.mark.servers

_MIGRATE = "import sys; from libs.store.migrate import migrate; print(migrate(sys.argv[1]))"


def migrated(dsn: str) -> str:
    """Migrate on a thread, since that runs a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(migrate, dsn).result()


async def shape_of(dsn: str) -> Sequence[tuple[object, ...]]:
    """Return every column, index and constraint."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select table_name::text, column_name::text, data_type::text, is_nullable::text"
            " from information_schema.columns where table_schema = 'public'"
            " union all select conrelid::regclass::text, conname, pg_get_constraintdef(oid), ''"
            " from pg_constraint where connamespace = 'public'::regnamespace"
            " union all select tablename::text, indexname::text, indexdef, ''"
            " from pg_indexes where schemaname = 'public' order by 1, 2, 3"
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


async def test_second_migration_changes_nothing(postgres_dsn: str) -> None:
    assert await shape_of(postgres_dsn) == []
    assert await asyncio.to_thread(migrated, postgres_dsn) == newest_revision()
    first = await shape_of(postgres_dsn)
    assert await asyncio.to_thread(migrated, postgres_dsn) == newest_revision()
    assert await shape_of(postgres_dsn) == first
    assert len(first) > 100


async def test_two_migrations_at_once(postgres_dsn: str, dsn: str) -> None:
    """Two containers that start together: both succeed, and the schema is the usual one."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", _MIGRATE, postgres_dsn,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        for _ in "12"
    ]  # fmt: skip
    for process in processes:
        out, err = await process.communicate()
        assert (process.returncode, out.decode().strip()) == (0, newest_revision()), err.decode()
    assert await shape_of(postgres_dsn) == await shape_of(dsn)


async def test_schema_that_is_missing_is_waited_for(postgres_dsn: str) -> None:
    """A process that starts before `caudal migrate` has run tries again."""
    async with open_pool(postgres_dsn) as pool:
        with pytest.raises(TemporaryError, match="UndefinedTableError"):
            await counts(pool)


async def test_fresh_schema_is_empty(pool: Pool) -> None:
    assert set((await counts(pool)).values()) == {0}


@asynccontextmanager
async def another(dsn: str, statement: str) -> AsyncIterator[None]:
    """Have a transaction of somebody else's open in which this was done."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def test_nobody_waits_behind_a_change_that_waits_for_a_dump(
    dsn: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PAUSE", 0.1)
    await fetch(pool, "update alembic_version set version_num = '0017' returning 1")
    said: list[str] = []
    with ThreadPoolExecutor(1) as thread:
        async with another(dsn, "lock table objects in access share mode"):
            running = thread.submit(migrate, dsn, said.append)
            for _ in range(3):
                await fetch(pool, "update objects set fees = null returning 1")  # or it is given up
                await asyncio.sleep(1)
            assert not running.done()
        assert await asyncio.to_thread(running.result, 60) == newest_revision()
    assert any("in use by somebody else" in each for each in said)


async def test_table_that_is_in_use_all_the_time(
    dsn: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PAUSE", 0.1)
    monkeypatch.setattr(migrating, "TRIES", 2)
    await fetch(pool, "update alembic_version set version_num = '0017' returning 1")
    async with another(dsn, "lock table objects in access share mode"):
        with pytest.raises(TemporaryError, match="in use by somebody else all the time"):
            await asyncio.to_thread(migrated, dsn)


async def test_who_waits_for_another_migration_holds_no_snapshot(dsn: str, pool: Pool) -> None:
    """The other one may make an index concurrently, which waits for every snapshot."""
    open_transactions = (
        "select count(*) as there from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and xact_start is not null"
    )
    holder = await asyncpg.connect(dsn)
    said: list[str] = []
    try:
        await holder.execute(f"select pg_advisory_lock({MIGRATIONS_LOCK})")
        with ThreadPoolExecutor(2) as threads:
            both = (
                threads.submit(migrate, dsn, said.append),
                threads.submit(asyncio.run, grant_after_migration(dsn)),
            )
            await asyncio.sleep(2)
            seen = []
            for _ in range(20):
                await asyncio.sleep(LOOK_EVERY / 3)
                seen += await fetch(pool, open_transactions)
            assert not any(each.done() for each in both)
            await holder.close()
            for each in both:
                await asyncio.to_thread(each.result, 60)
    finally:
        await holder.close()
    assert sum(row["there"] for row in seen) <= 5  # of 40: only while they ask
    assert said == ["another one changes the schema; it is waited for"]
