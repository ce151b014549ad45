"""What the three processes cost while nothing comes."""

from __future__ import annotations

import asyncio

from bench.figures import Figure, Target
from bench.house import WORKERS
from bench.scenes.stage import Clock, Stage

SETTLE = 3.0  # seconds


async def idle(stage: Stage, _sustained: float) -> list[Figure]:
    """Measure their CPU over half a minute."""
    house = stage.house
    await house.start(*WORKERS)
    stage.progress("idle")
    await asyncio.sleep(SETTLE)
    before, clock = house.cpu(), Clock()
    await asyncio.sleep(stage.seconds(30, 8))
    took = clock.seconds
    used = {name: 100 * (cpu - before[name]) / took for name, cpu in house.cpu().items()}
    await house.stop(*WORKERS)
    return [
        Figure(
            key="idle_cpu",
            title="idle CPU of the three processes together",
            values=(sum(used[name] for name in WORKERS),),
            unit="% of a core",
            target=Target(at_most=1),
            beside={"percent": {name: round(share, 2) for name, share in used.items()}},
        )
    ]
