"""The short cut of the fault matrix, for `make test`: smaller loads, one house."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.conftest import Houses
from tests.faults.matrix import CASES, SHORT_CUT
from tests.faults.play import play

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SEED = 1


@pytest.mark.parametrize("name", SHORT_CUT)
async def test_nothing_is_lost_nothing_happens_twice(name: str, houses: Houses) -> None:
    case = CASES[name]
    case = replace(case, webhooks=min(case.webhooks, 500))
    house = await houses.of(case.shape, SEED)
    try:
        row = await play(case, SEED, house, house.home / f"{case.name}.jsonl")
    except BaseException:
        await houses.pull_down()
        raise
    if row.problems:
        await houses.pull_down()
    assert row.problems == [], f"logs in {house.home}"
