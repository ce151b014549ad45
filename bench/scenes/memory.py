"""Whether memory grows: full load for a long time, and what each process holds meanwhile.

Not part of `make bench`, which has no half hour for it.
"""

from __future__ import annotations

import asyncio
from statistics import median
from time import monotonic
from typing import Final

from bench.figures import Figure, Target
from bench.measure.accounting import resident_bytes
from bench.scenes.stage import Stage
from bench.scenes.sustained import LONG, at, most
from bench.scenes.systems import Caudal

RUN: Final = 60.0  # seconds of one load; the next is prepared in between
AT_MOST: Final = 16_000.0
SAMPLE_EVERY: Final = 2.0
WARM_UP: Final = 0.15  # of the whole time: caches and pools fill
SHARE: Final = 0.15  # of the samples, at either end, that are compared


async def memory(stage: Stage, minutes: float) -> list[Figure]:
    """Hold what is sustained for so many minutes; compare the end with the beginning.

    The rate stays what it was: in a minute in which the machine is slower, more waits in the queues.
    """
    system, house = Caudal(), stage.house
    await system.start(house)
    rate = LONG * await most(stage, system, seconds=10, at_most=AT_MOST)
    samples: dict[str, list[float]] = {name: [] for name in system.processes}
    sampling = asyncio.create_task(_sample(stage, samples))
    until, done, minutes_run, sustained = monotonic() + 60 * minutes, 0, 0, 0
    while monotonic() < until:
        run = await at(stage, system, rate, RUN)
        done += run.told.sent
        held = {name: round(told[-1]) for name, told in samples.items() if told}
        sustained += run.sustained
        minutes_run += 1
        stage.progress(f"{done:,} webhooks, {(until - monotonic()) / 60:.0f} min left, MB: {held}")
    sampling.cancel()
    await system.stop(house)
    growth = {name: _growth(told) for name, told in samples.items()}
    return [
        Figure(
            key="memory_growth",
            title=f"growth of memory over {minutes:.0f} minutes of full load, the process that grew most",
            values=(max(growth.values()),),
            unit="%",
            target=Target(at_most=2),
            beside={
                "percent": {name: round(share, 2) for name, share in growth.items()},
                "largest_mb": {name: round(max(told)) for name, told in samples.items()},
                "webhooks": done,
                "per_second": round(rate),
                "minutes": minutes_run,
                "minutes_sustained": sustained,
            },
        )
    ]


async def _sample(stage: Stage, samples: dict[str, list[float]]) -> None:
    while True:
        for name, told in samples.items():
            told.append(resident_bytes(stage.house.pids[name]) / 1e6)
        await asyncio.sleep(SAMPLE_EVERY)


def _growth(told: list[float]) -> float:
    """Compare the medians of the first and the last samples behind the warm-up, in percent."""
    steady = told[int(len(told) * WARM_UP) :]
    some = max(1, int(len(steady) * SHARE))
    return 100 * (median(steady[-some:]) / median(steady[:some]) - 1)
