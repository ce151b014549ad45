"""The fault matrix: each case under load, with the oracle's verdict (`make faults`)."""

from __future__ import annotations

import pytest

from tests.faults.case import Case
from tests.faults.conftest import Houses
from tests.faults.matrix import CASES
from tests.faults.play import play

pytestmark = [
    pytest.mark.faults,
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Name each test by its case and its seed."""
    first = metafunc.config.getoption("first_seed", 1)
    seeds = range(first, first + metafunc.config.getoption("seeds", 1))
    metafunc.parametrize(
        ("case", "seed"),
        [
            pytest.param(
                case, seed, id=f"{name}-seed{seed}", marks=pytest.mark.timeout(case.seconds)
            )
            for name, case in CASES.items()
            for seed in seeds
        ],
    )


async def test_nothing_is_lost_nothing_happens_twice(
    case: Case, seed: int, houses: Houses, pytestconfig: pytest.Config
) -> None:
    house = await houses.of(case.shape, seed)
    try:
        row = await play(case, seed, house, house.home / f"{case.name}-{seed}.jsonl")
    except BaseException:
        await houses.pull_down()
        raise
    rows = pytestconfig.getoption("rows", None)
    if rows is not None:
        row.write_to(rows)
    if row.problems:
        await houses.pull_down()
    assert row.problems == [], f"logs in {house.home}"
