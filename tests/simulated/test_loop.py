"""The loop: virtual time, order inside a process, death without a last word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from random import Random

import pytest

from tests.simulated.loop import SeededLoop, StandstillError


@pytest.fixture
def loop() -> Iterator[SeededLoop]:
    made = SeededLoop(Random(1))
    yield made
    made.close()


def test_timers_cost_no_time(loop: SeededLoop) -> None:
    began = time.monotonic()
    loop.run_until_complete(asyncio.sleep(100_000))
    assert loop.time() >= 100_000
    assert time.monotonic() - began < 5


def test_what_never_happens_is_told(loop: SeededLoop) -> None:
    with pytest.raises(StandstillError):
        loop.run_until_complete(loop.create_future())


def test_killed_process_says_nothing(loop: SeededLoop) -> None:
    """Neither `except` nor `finally` of it runs, and its timers are gone."""
    said: list[str] = []

    async def work() -> None:
        try:
            said.append("begun")
            await asyncio.sleep(1)
        finally:
            said.append("ended")

    process = loop.process("one")
    loop.run_in(process, work())
    loop.run_until_complete(asyncio.sleep(0.5))
    loop.kill(process)
    loop.run_until_complete(asyncio.sleep(2))
    assert said == ["begun"]
    [task] = process.tasks
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    with pytest.raises(GeneratorExit):
        task.get_coro().throw(GeneratorExit())


def test_frozen_process_goes_on_later(loop: SeededLoop) -> None:
    ticks: list[float] = []

    async def work() -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            ticks.append(loop.time())

    process = loop.process("one")
    done = loop.run_in(process, work())
    loop.run_until_complete(asyncio.sleep(1.5))
    loop.freeze(process, on=True)
    loop.run_until_complete(asyncio.sleep(10))
    assert len(ticks) == 1
    loop.freeze(process, on=False)
    loop.run_until_complete(done)
    assert ticks[1] >= 11.5


def test_order_inside_a_process_is_kept(loop: SeededLoop) -> None:
    """Between processes the seed decides."""
    said: list[str] = []

    async def work(name: str) -> None:
        for number in range(20):
            said.append(f"{name}{number}")
            await asyncio.sleep(0)

    tasks = [loop.run_in(loop.process(name), work(name)) for name in "ab"]
    loop.run_until_complete(asyncio.wait(tasks))
    for name in "ab":
        mine = [each for each in said if each.startswith(name)]
        assert mine == [f"{name}{number}" for number in range(20)]
    assert said != sorted(said, key=lambda each: int(each[1:]))
