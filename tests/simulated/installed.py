"""Puts the fakes where the client libraries are: everything above them is the production code."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import ModuleType

import asyncpg
import pytest

from libs.bus import link, publisher, tail
from libs.store.memory import Database, MemoryPool
from tests.simulated.broker import Broker
from tests.simulated.wire import Connection, Pipeline


def install_database(patch: pytest.MonkeyPatch, database: Database) -> None:
    """Have `asyncpg.create_pool` give pools on `database`, whatever the DSN."""

    async def create_pool(
        _dsn: str, *, max_size: int, command_timeout: float, **_settings: object
    ) -> MemoryPool:
        return MemoryPool(database, size=max_size, answer_within=command_timeout)

    patch.setattr(asyncpg, "create_pool", create_pool)


def install_broker(patch: pytest.MonkeyPatch, broker: Broker, *others: ModuleType) -> None:
    """Have `libs.bus` connect to `broker`, whatever the URL, and other modules that do."""

    @contextlib.asynccontextmanager
    async def connected(_url: str, *, name: str) -> AsyncIterator[Connection]:
        async with asyncio.timeout(link.CONNECT_WITHIN):
            connection = await broker.connect(name)
        try:
            yield connection
        finally:
            connection.close()

    for module in (link, tail, *others):
        patch.setattr(module, "connected", connected)
    patch.setattr(publisher, "Pipeline", Pipeline)
