"""An ingress for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.ingress.express import Lane
from tests.unit.ingress.stand_ins import Ingress, running_ingress


@pytest.fixture(params=["express", "ordinary"])
def both_lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test as it is, and once more with nothing on the express lane."""
    if request.param == "ordinary":
        monkeypatch.setattr(Lane, "take", lambda *_: False)
    return str(request.param)


@pytest.fixture
async def ingress() -> AsyncIterator[Ingress]:
    async with running_ingress() as running:
        yield running
