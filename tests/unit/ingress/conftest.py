"""An ingress for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.ingress.stand_ins import Ingress, running_ingress


@pytest.fixture
async def ingress() -> AsyncIterator[Ingress]:
    async with running_ingress() as running:
        yield running
