"""A database for each test, and PayU's API on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.providers.payu.client import PayU
from services.payouts.connection import Connection
from tests.integration.payouts.rooms import connection
from tests.integration.store.rooms import dsn, logged, pool, template
from tests.payu_api import PayUApi
from tests.unit.payu.conftest import api

__all__ = ["api", "dsn", "logged", "pool", "template"]


@pytest.fixture
async def of(api: PayUApi) -> Connection:
    return connection(api)


@pytest.fixture
async def payu(of: Connection) -> AsyncIterator[PayU]:
    async with of.client() as client:
        yield client
