"""A database with our schema for each test: one is migrated, the others are copies of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
import structlog

from libs.store.database import Pool, open_pool, session
from libs.store.memory import MemoryPool
from libs.store.migrate import migrate
from tests.integration.store import memory_rooms
from tests.servers import RunningServers

# Each table by what is public of it: no numbers of the database's own, no time of insertion.
_VIEWS = {
    "objects": (
        "select source, kind, provider_ref, provider, merchant_ref, state, previous_state,"
        " provider_status, amount::text, currency, refunded_amount::text, fees::text, net::text,"
        " flags, livemode, occurred_at, received_at, authority, delivery_id, method,"
        " failure_reason, expires_at, sequence, attempts, settlement_step, decided_by, held"
        " from objects order by 1, 2, 3"
    ),
    "observations": (
        "select o.provider_ref, n.key, n.received_at, n.delivery_id, n.content::text"
        " from observations n join objects o on o.id = object_id order by 1, 2"
    ),
    "repeats": (
        "select o.provider_ref, key, r.delivery_id, r.received_at"
        " from repeats r join objects o on o.id = object_id order by 1, 2, 3"
    ),
    "aliases": (
        "select alias, o.provider_ref from object_aliases join objects o on o.id = object_id"
        " order by 1, 2"
    ),
    "parked": (
        "select delivery_id, ordinal, source, provider, reason, field, value, detail, received_at,"
        " body, reading::text from parked order by 1, 2"
    ),
    "translations": (
        "select delivery_id, received_at, source, outcome, duplicate_of from translations order by 1"
    ),
    "ledger": "select name, first_delivery_id, first_received_at from dedupe_ledger order by 1",
    "pokes": "select * from pokes order by 1, 2, 3",
    "outbox": (
        "select o.provider_ref, x.sequence, routing_key, body"
        " from outbox x join objects o on o.id = object_id order by 1, 2"
    ),
}

Rows = list[tuple[object, ...]]


@pytest.fixture(scope="session")
def template(servers: RunningServers) -> Iterator[str]:
    """Name of a database that was migrated once and has no connections."""
    dsn = servers.fresh_database()
    with ThreadPoolExecutor(1) as thread:  # `migrate` runs a loop of its own
        thread.submit(migrate, dsn).result()
    yield urlsplit(dsn).path.lstrip("/")
    servers.drop_database(dsn)


@pytest.fixture
def dsn(servers: RunningServers, template: str) -> Iterator[str]:
    """Give the test a database of its own at the newest revision."""
    found = servers.fresh_database(template)
    yield found
    servers.drop_database(found)


@pytest_asyncio.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """Give the test a pool on its own database."""
    async with open_pool(dsn, size=6) as opened:
        yield opened


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    """Keep what is logged, unprinted."""
    with structlog.testing.capture_logs() as events:
        yield events


def _in_memory(pool: object) -> MemoryPool | None:
    return pool if isinstance(pool, MemoryPool) else None


async def fetch(pool: Pool, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """Run a statement; on the memory store (tests/simulated), one of the few that it can read."""
    if memory := _in_memory(pool):
        return memory_rooms.fetch(memory, statement, arguments)
    async with session(pool) as connection:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        return rows


async def value(pool: Pool, statement: str, *arguments: object) -> object:
    [row] = await fetch(pool, statement, *arguments)
    found: object = row[0]
    return found


async def table(pool: Pool, name: str) -> Rows:
    """Everything that a table says."""
    if memory := _in_memory(pool):
        return memory_rooms.view(memory, name)
    return [tuple(row) for row in await fetch(pool, _VIEWS[name])]


async def everything(pool: Pool) -> dict[str, Rows]:
    """All that is stored, for comparing before and after."""
    return {name: await table(pool, name) for name in _VIEWS}


async def folded_rows(pool: Pool) -> dict[str, tuple[object, ...]]:
    """Return what each object is according to its row, without how it got there."""
    rows = await fetch(
        pool,
        "select provider_ref, kind, state, flags, amount, currency, refunded_amount,"
        " provider_status, authority, decided_by from objects",
    )
    return {
        row["provider_ref"]: (*list(row)[1:3], tuple(row["flags"]), *list(row)[4:]) for row in rows
    }
