"""Polling against a real Postgres, with real servers of our own in the places of the providers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from libs.store.database import Pool
from tests.integration.polling.provider import Provider, sources
from tests.integration.polling.rooms import Room
from tests.integration.store.rooms import dsn, logged, pool, template

__all__ = ["dsn", "logged", "pool", "template"]


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider.running() as running:
        yield running


@pytest_asyncio.fixture
async def room(pool: Pool, provider: Provider) -> AsyncIterator[Room]:
    made = Room(pool, sources(provider.url))
    yield made
    await made.access.close()
