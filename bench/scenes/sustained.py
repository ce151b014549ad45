"""How many webhooks a second a system carries to its events, and goes on carrying.

Sustained is a rate that it holds to the end of the run without anything piling up: every webhook is
answered 2xx, and `THROUGH` seconds after the last of them everything is done, everywhere. A first
run flat out tells where to look. Where it is asked for, a run that is behind by `BEHIND` seconds at
two looks in a row is ended there: it may have caught up, but that is not what sustained means, and it would take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from bench.house import House
from bench.load.generator import Generator, Load, Told, generator
from bench.measure.accounting import resident_bytes
from bench.observer import Arrival, observer
from bench.scenes.stage import Stage
from bench.scenes.systems import System

THROUGH: Final = 2.0  # seconds
BEHIND: Final = 4.0  # seconds; what Postgres counts comes up to one second late
BEHIND_LOOKS: Final = 2
BEHIND_EVERY: Final = 4.0
DONE_WITHIN: Final = 300.0
STEPS: Final = (1.0, 0.92, 0.85, 0.78, 0.7, 0.6, 0.5, 0.4)  # of what the first run tells
# Of what a short look carries, with a growing backlog: where a long hold begins.
LONG: Final = 0.8
SAMPLE_EVERY: Final = 1.0
LOOK_EVERY: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `through` is how many seconds after the last webhook all was done.

    `cpu_us` is the CPU for each webhook by process, in microseconds; `peak_mb` the largest resident
    memory of each.
    """

    told: Told
    through: float
    cpu_us: Mapping[str, float]
    peak_mb: Mapping[str, float]
    ended_early: bool = False
    arrivals: list[Arrival] = field(default_factory=list, repr=False)

    @property
    def sustained(self) -> bool:
        """Whether it was carried without piling up."""
        return self.told.clean and not self.ended_early and self.through <= THROUGH

    @property
    def per_second(self) -> float:
        """Webhooks a second from the first to the last, and until all was done."""
        return self.told.sent / (self.told.ended - self.told.begun + self.through)


async def until_done(stage: Stage, system: System, wanted: int) -> None:
    """Return when all is quiet and, where that can be told, so many webhooks are done.

    A worker has up to a hundred messages in hand that stand in no queue.
    """
    house, until = stage.house, monotonic() + DONE_WITHIN
    await system.until_quiet(house, within=DONE_WITHIN)
    done = await system.done(house)
    while done is not None and done < wanted and monotonic() < until:
        await asyncio.sleep(LOOK_EVERY)
        done = await system.done(house)
        await system.until_quiet(house, within=DONE_WITHIN)


async def carry(
    stage: Stage, system: System, load: Load, *, while_it_keeps_up: bool = False
) -> Run:
    """Send a load to a system that runs, and watch until all is done."""
    house = stage.house
    done_before = await system.done(house)
    async with (
        generator(load) as ready,
        observer(house, system.events) as seeing,
        peaks_of(house.pids) as peaks,
    ):
        watched = {**house.pids, "consumer": seeing.pid}
        before = house.cpu_of(watched)
        if while_it_keeps_up:
            told, ended_early = await go_while_it_keeps_up(house, system, load, ready)
        else:
            told, ended_early = await ready.go(), False
        done = monotonic()
        await until_done(stage, system, (done_before or 0) + told.accepted)
        through = max(0.0, monotonic() - done - system.settles)
        used = {name: cpu - before[name] for name, cpu in house.cpu_of(watched).items()}
        used["generator"] = told.cpu_s  # it has ended, and had prepared its requests before
        arrivals = await seeing.stop()
    done_after = await system.done(house)
    # What was sent and not answered at the end may be done as well.
    most_done = told.accepted + told.cut + told.unanswered
    if (
        done_before is not None
        and done_after is not None
        and not told.accepted <= done_after - done_before <= most_done
    ):
        raise RuntimeError(f"{told.accepted} accepted, {done_after} - {done_before} done")
    return Run(
        told=told,
        through=through,
        cpu_us={name: 1e6 * cpu / max(1, told.sent) for name, cpu in used.items()},
        peak_mb=peaks,
        ended_early=ended_early,
        arrivals=arrivals,
    )


async def go_while_it_keeps_up(
    house: House, system: System, load: Load, ready: Generator
) -> tuple[Told, bool]:
    """Send; return what was sent, and whether that was ended because too much was left undone."""
    ended_early = False

    async def watch() -> None:
        nonlocal ended_early
        begun, before = monotonic(), await system.about_done(house)
        if before is None:
            return
        behind = 0
        while behind < BEHIND_LOOKS:
            await asyncio.sleep(BEHIND_EVERY)
            done = (await system.about_done(house) or 0) - before
            late = monotonic() - begun - done / load.rate
            behind = behind + 1 if late > BEHIND else 0
        ended_early = True
        ready.enough()

    watching = asyncio.create_task(watch())
    try:
        told = await ready.go()
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    if not watching.cancelled():
        watching.result()
    return told, ended_early


async def most(stage: Stage, system: System, *, seconds: float, at_most: float) -> float:
    """Find the highest rate that `system` sustains for so many seconds; it runs already."""
    first = await carry(
        stage,
        system,
        Load(
            port=stage.house.port,
            seconds=seconds,
            connections=stage.connections,
            run=stage.fresh(),
            count=int(at_most * seconds),
        ),
    )
    highest = first.per_second
    for step in STEPS:
        rate = step * first.per_second
        if rate > highest:
            continue
        stage.progress(f"{system.name}: {rate:.0f}/s")
        run = await at(stage, system, rate, seconds)
        if run.sustained:
            return rate
        # what is carried with `THROUGH` seconds to spare is not far above what was carried now
        highest = min(rate, run.per_second * (seconds + THROUGH) / seconds)
    raise RuntimeError(f"{system.name} sustains no rate near {first.per_second:.0f}/s")


async def at(
    stage: Stage, system: System, rate: float, seconds: float, *, while_it_keeps_up: bool = False
) -> Run:
    """Carry a fixed rate."""
    return await carry(
        stage,
        system,
        Load(
            port=stage.house.port,
            seconds=seconds,
            rate=rate,
            connections=stage.connections,
            run=stage.fresh(),
        ),
        while_it_keeps_up=while_it_keeps_up,
    )


@asynccontextmanager
async def peaks_of(pids: Mapping[str, int]) -> AsyncIterator[dict[str, float]]:
    """Sample resident memory for the length of the block; gives the largest of each, in MB."""
    peaks = dict.fromkeys(pids, 0.0)

    async def sample() -> None:
        while True:
            for name, pid in pids.items():
                with suppress(OSError):
                    peaks[name] = max(peaks[name], resident_bytes(pid) / 1e6)
            await asyncio.sleep(SAMPLE_EVERY)

    sampling = asyncio.create_task(sample())
    try:
        yield peaks
    finally:
        sampling.cancel()
