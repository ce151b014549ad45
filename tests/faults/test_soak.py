"""The long run (`make faults-soak MINUTES=10`), with the oracle's verdict."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Houses
from tests.faults.play import play
from tests.faults.soak import soak

pytestmark = [
    pytest.mark.soak,
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(0),  # the case has its own
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_long_run_ends_clean(houses: Houses, pytestconfig: pytest.Config) -> None:
    case = soak(pytestconfig.getoption("soak_minutes", 1.0))
    seed = pytestconfig.getoption("first_seed", 1)
    house = await houses.of(case.shape, seed)
    row = await play(case, seed, house, house.home / f"soak-{seed}.jsonl")
    rows = pytestconfig.getoption("rows", None)
    if rows is not None:
        row.write_to(rows)
    deaths = sum(kept.deaths for kept in house.processes.values())
    assert row.problems == [], f"logs in {house.home}"
    assert deaths > 0
