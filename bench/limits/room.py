"""A database of its own for the limits, with Caudal's tables as its migrations make them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from bench.measure.accounting import cpu_seconds
from libs.store.archive import ensure_partitions
from libs.store.database import open_pool
from libs.store.migrate import migrate

# What a batch of webhooks writes, with what brings its rows into the order of their arrival.
TABLES: Final = {
    "deliveries": "id",
    "translations": "delivery_id",
    "dedupe_ledger": "first_delivery_id",
    "objects": "created_at, id",
    "object_aliases": "object_id, alias",
    "observations": "received_at, object_id, key",
    "repeats": "received_at, object_id, key",
    "parked": "id",
    "pokes": "first_at, source, kind, provider_ref",
    "outbox": "id",
}


@dataclass(frozen=True, slots=True)
class Room:
    """Such a database, how many clients use it, and the server's pid if known."""

    dsn: str = field(repr=False)
    clients: int
    server: int | None = None

    def cpu(self) -> float:
        """Return the CPU seconds of the server so far; 0 of one that is not ours."""
        return 0.0 if self.server is None else cpu_seconds(self.server)

    async def empty(self) -> None:
        """Make it as it was before the first batch."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(f"truncate {', '.join(TABLES)} restart identity")
        finally:
            await connection.close()

    async def counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return {
                table: await connection.fetchval(f"select count(*) from {table}")  # noqa: S608
                for table in TABLES
            }
        finally:
            await connection.close()


@asynccontextmanager
async def room(dsn: str, clients: int, server: int | None = None) -> AsyncIterator[Room]:
    """Make one beside the database of `dsn`, and drop it afterwards."""
    name = f"limits_{uuid4().hex}"
    beside = await asyncpg.connect(dsn)
    try:
        await beside.execute(f"create database {name}")
        try:
            made = Room(urlunsplit(urlsplit(dsn)._replace(path=f"/{name}")), clients, server)
            await _furnish(made)
            yield made
        finally:
            await beside.execute(f"drop database if exists {name} with (force)")
    finally:
        await beside.close()


async def _furnish(made: Room) -> None:
    await asyncio.to_thread(migrate, made.dsn)
    async with open_pool(made.dsn, size=1) as pool:
        await ensure_partitions(pool, datetime.now(UTC))
