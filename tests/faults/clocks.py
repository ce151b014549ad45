"""Clocks that jump: libfaketime around the reconcilers, moved while they run.

Only the wall clock of the process is moved. Its timers run on the monotonic clock, and `now()` in
a statement is the clock of Postgres, which stays.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tests.faults.case import Case, Scene
from tests.faults.faketime import CLOCK
from tests.faults.house import Shape

HOUR: Final = 3600


def cases() -> list[Case]:
    return [
        Case(
            name=f"clock-{name}",
            matrix="P3",
            on="reconciler",
            fault=f"the wall clock of both jumps by {sign}1 h, and back after 5 s",
            shape=Shape(faked_clock=True),
            act=partial(_jump, f"{sign}{HOUR}"),
            restore=partial(_set, "+0"),
            webhooks=900,
        )
        for name, sign in (("forward", "+"), ("back", "-"))
    ]


async def _jump(by: str, scene: Scene) -> None:
    await _set(by, scene)
    await asyncio.sleep(5)
    await _set("+0", scene)


async def _set(by: str, scene: Scene) -> None:
    clock = scene.house.home / CLOCK
    draft = clock.with_suffix(".new")
    draft.write_text(f"{by}\n")
    draft.replace(clock)
