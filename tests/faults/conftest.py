"""Servers for the fault tests, and houses on them, shared as long as nothing went wrong in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from libs.embedded import unprivileged
from tests.faults.ground import Ground, ground
from tests.faults.house import House, Shape, house

LOGS: Final = Path("build/faults")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many seeds, from which on, and where the rows go."""
    group = parser.getgroup("faults")
    group.addoption("--seeds", type=int, default=1, help="play every fault with so many seeds")
    group.addoption("--first-seed", type=int, default=1, help="the first of them")
    group.addoption("--soak-minutes", type=float, default=1.0, help="how long the long run lasts")
    group.addoption("--rows", type=Path, default=None, help="add a JSON line per case to this file")


class Houses:
    """The house that stands now. Another shape, or trouble in it, and it is built anew."""

    def __init__(self, on: Ground, home: Path) -> None:
        self._ground = on
        self._home = home
        self._number = 0
        self._shape: Shape | None = None
        self._house: House | None = None
        self._stack = AsyncExitStack()

    async def of(self, shape: Shape, seed: int) -> House:
        if self._house is None or self._shape != shape:
            await self.pull_down()
            self._number += 1
            home = self._home / f"house-{self._number}"
            home.mkdir(parents=True)
            self._shape = shape
            built = house(self._ground, shape, home, seed=seed)
            self._house = await self._stack.enter_async_context(built)
        return self._house

    async def pull_down(self) -> None:
        self._house = None
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def houses(pytestconfig: pytest.Config) -> AsyncIterator[Houses]:
    """Run a broker and a database of the fault tests' own. The logs of all processes stay."""
    # Not below pytest's own directory: nobody else may pass that, and Postgres has its own user.
    with tempfile.TemporaryDirectory(prefix="caudal-faults-", ignore_cleanup_errors=True) as place:
        unprivileged.let_pass(Path(place))
        async with ground(Path(place) / "ground") as on:
            beside = os.environ.get("PYTEST_XDIST_WORKER", "alone")
            name = f"{datetime.now(UTC):%H%M%S}-{beside}"
            made = Houses(on, pytestconfig.rootpath / LOGS / name)
            yield made
            await made.pull_down()
