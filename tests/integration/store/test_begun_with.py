"""A transaction that begins with a statement ends as any other does."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from libs.runtime.failures import TemporaryError
from libs.store.database import Pool, begun_with, open_pool
from libs.store.queries import query
from tests.integration.store.rooms import value

pytestmark = pytest.mark.servers

LOCK = 77
_ADD = (
    "insert into pokes (source, kind, provider_ref, provider, why, first_at, last_at)"
    " values ('s', 'payment', 'r', 'clip', 'x', now(), now())"
)


async def free(pool: Pool) -> bool:
    """Whether nobody holds the lock."""
    return not await value(
        pool, "select count(*) from pg_locks where locktype = 'advisory' and objid = $1", LOCK
    )


async def test_kept(pool: Pool) -> None:
    async with begun_with(pool, "take_relay", LOCK) as connection:
        assert await connection.fetchval("select current_setting('caudal.relay')") == "true"
        await connection.execute(_ADD)
        assert not await free(pool)
        async with begun_with(pool, "take_relay", LOCK) as other:
            assert await other.fetchval("select current_setting('caudal.relay')") == "false"
    assert await free(pool)
    assert await value(pool, "select count(*) from pokes") == 1


async def spoilt(pool: Pool, error: BaseException | None = None) -> None:
    """Add a row, and end by an error: this one, or one of the server."""
    async with begun_with(pool, "take_relay", LOCK) as connection:
        await connection.execute(_ADD)
        if error is not None:
            raise error
        await connection.execute("select * from nowhere")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ValueError(), ValueError),
        (asyncio.CancelledError(), asyncio.CancelledError),
        (TimeoutError(), TemporaryError),
        (None, TemporaryError),
    ],
)
async def test_undone(
    dsn: str, pool: Pool, error: BaseException | None, raised: type[BaseException]
) -> None:
    """And the connection is of use, or another takes its place."""
    async with open_pool(dsn, size=1) as single:
        with pytest.raises(raised):
            await spoilt(single, error)
        assert await value(single, "select count(*) from pokes") == 0
        async with begun_with(single, "take_relay", LOCK) as connection:
            assert await connection.fetchval("select current_setting('caudal.relay')") == "true"
    assert await free(pool)


async def test_setting_ends_with_the_transaction(dsn: str) -> None:
    """Without a turn of its own a look finds none, and not that of the transaction before."""
    async with open_pool(dsn, size=1) as single:
        async with begun_with(single, "take_relay", LOCK):
            pass
        async with single.acquire() as connection:
            with pytest.raises(asyncpg.DataError, match="boolean"):
                await connection.fetch(query("next_events"), 1)
