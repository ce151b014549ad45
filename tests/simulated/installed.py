"""Puts the memory store where asyncpg's pool would be: everything above it is the production code."""

from __future__ import annotations

import asyncpg
import pytest

from libs.store.memory import Database, MemoryPool


def install_database(patch: pytest.MonkeyPatch, database: Database) -> None:
    """Have `asyncpg.create_pool` give pools on `database`, whatever the DSN."""

    async def create_pool(_dsn: str, *, max_size: int, **_settings: object) -> MemoryPool:
        return MemoryPool(database, size=max_size)

    patch.setattr(asyncpg, "create_pool", create_pool)
