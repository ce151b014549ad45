"""From nothing to the newest schema, once, twice, and by two at the same time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from libs.runtime.failures import TemporaryError
from libs.store.database import Pool, open_pool
from libs.store.inspect import counts
from libs.store.migrate import migrate, newest_revision

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
