"""Alembic's environment: one asyncpg connection, one migration at a time (advisory lock)."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from libs.store.queries import query
from libs.store.roles import MIGRATIONS_LOCK, Role


def _run(connection: Connection) -> None:
    # Two `caudal migrate` at once: the second waits, then finds nothing to do.
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATIONS_LOCK})
    connection.commit()
    _become_owner(connection)
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


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
        return await asyncpg.connect(dsn)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


asyncio.run(_main())
