"""Clocks that jump: libfaketime around the reconcilers, moved while they run.

Only the wall clock of the process is moved. Its timers run on the monotonic clock, and `now()` in
a statement is the clock of Postgres, which stays.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from tests.faults.case import Case, Scene
from tests.faults.faketime import CLOCK
from tests.faults.house import Shape

HOUR: Final = 3600
HELD_FOR: Final = 5.0  # seconds


def cases() -> list[Case]:
    return [
        Case(
            name=f"clock-{name}",
            matrix="P3",
            on="reconciler",
            fault=f"the wall clock of both jumps by {by // HOUR:+d} h; one starts anew; and back",
            shape=Shape(faked_clock=True),
            act=partial(_jump, by),
            restore=_unmoved,
            webhooks=900,
        )
        for name, by in (("forward", HOUR), ("back", -HOUR))
    ]


async def _jump(by: int, scene: Scene) -> None:
    """Move the clock, and start one of the two anew meanwhile: its log shows that it was fooled."""
    house = scene.house
    await _set(f"{by:+d}", scene)
    await asyncio.sleep(HELD_FOR)
    fooled = house.processes["reconciler-1"]
    await fooled.restart()
    wrong = datetime.now(UTC) + timedelta(seconds=by)
    hours = {f'"at":"{wrong + timedelta(minutes=off):%Y-%m-%dT%H:%M}' for off in (-1, 0, 1)}

    async def told() -> bool:
        said = await asyncio.to_thread(fooled.log.read_text)
        return any(hour in said for hour in hours)

    await house.until(told, seconds=30, what="a reconciler that tells the wrong time")
    await _set("+0", scene)


async def _unmoved(scene: Scene) -> None:
    await _set("+0", scene)


async def _set(by: str, scene: Scene) -> None:
    clock = scene.house.home / CLOCK
    draft = clock.with_suffix(".new")
    draft.write_text(f"{by}\n")
    draft.replace(clock)
