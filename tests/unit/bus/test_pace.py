"""What comes alone waits for nothing; what follows closely waits for the rest."""

from __future__ import annotations

import asyncio

from libs.bus.pace import Pace


async def test_first_is_at_once_and_the_next_apart() -> None:
    clock = asyncio.get_running_loop().time
    pace = Pace(0.05)
    began = clock()
    await pace.turn()
    first = clock() - began
    await pace.turn()
    await pace.turn()
    assert first < 0.02
    assert clock() - began >= 0.095


async def test_what_comes_later_is_at_once() -> None:
    clock = asyncio.get_running_loop().time
    pace = Pace(0.03)
    await pace.turn()
    await asyncio.sleep(0.05)
    began = clock()
    await pace.turn()
    assert clock() - began < 0.02
