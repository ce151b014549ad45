"""Alembic's environment: one asyncpg connection, one migration at a time (advisory lock)."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import asyncpg
from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from libs.store.queries import query
from libs.store.roles import MIGRATIONS_LOCK, Role

# How long everybody else may have to wait behind a change of a table. A revision that makes an index
# concurrently sets it to 0 for that: it waits for transactions that are older, and holds nobody up.
_LOCK_TIMEOUT: Final = "2s"
_LOOK_EVERY: Final = 1  # second


def _run(connection: Connection) -> None:
    _take_turn(connection)
    _become_owner(connection)
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def _take_turn(connection: Connection) -> None:
    """Wait for another `caudal migrate`; what it did, this one then finds done.

    Without a snapshot: an index that the other makes concurrently would wait for that.
    """
    taken, told = False, False
    while not taken:
        taken = bool(
            connection.execute(
                text("select pg_try_advisory_lock(:lock)"), {"lock": MIGRATIONS_LOCK}
            ).scalar()
        )
        connection.commit()
        if not taken:
            if not told:
                context.config.attributes["tell"](
                    "another one changes the schema; it is waited for"
                )
            told = True
            time.sleep(_LOOK_EVERY)


def _become_owner(connection: Connection) -> None:
    """Make things as the role that migrates, where the schema is its own: a login is only a member."""
    owner = connection.execute(text(query("schema_owner"))).scalar()
    if owner == Role.MIGRATE:
        connection.execute(
            text("select set_config('role', :owner, false)"), {"owner": Role.MIGRATE.value}
        )
    connection.commit()


async def _main() -> None:
    dsn = context.config.attributes["dsn"]

    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(dsn, server_settings={"lock_timeout": _LOCK_TIMEOUT})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


asyncio.run(_main())
