"""The budget: so many a second, so many at a time, and who waits gets a turn."""

from __future__ import annotations

import asyncio

from libs.api.budget import Budget


async def test_no_more_than_the_concurrency_at_a_time() -> None:
    budget = Budget(rate=1000.0, concurrency=3)
    most = 0

    async def call() -> None:
        nonlocal most
        async with budget.turn():
            most = max(most, budget.under_way)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(call() for _ in range(30)))
    assert most == 3
    assert budget.under_way == 0


async def test_rate_bounds_what_begins() -> None:
    budget = Budget(rate=50.0, concurrency=200)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def call() -> None:
        async with budget.turn():
            pass

    await asyncio.gather(*(call() for _ in range(75)))
    # Fifty may begin at once, the other 25 one by one.
    assert loop.time() - began >= 0.45


async def test_less_than_one_a_second_is_held() -> None:
    budget = Budget(rate=0.5, concurrency=5)
    assert budget.free
    async with budget.turn():
        assert not budget.free


async def test_cancelled_wait_gives_its_place_back() -> None:
    budget = Budget(rate=1000.0, concurrency=1)
    async with budget.turn():
        waiting = asyncio.create_task(_hold(budget))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1), budget.turn():
        assert budget.under_way == 1


async def _hold(budget: Budget) -> None:
    async with budget.turn():
        await asyncio.Event().wait()
