"""Webhooks to events, everything on this machine: against E, and against each peer."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from statistics import median

from bench.figures import Figure, Target
from bench.peers.run import PEERS
from bench.scenes.search import Search
from bench.scenes.stage import EMPTY_AT_MOST, Stage, database, empty_handler, flat_out
from bench.scenes.sustained import LONG, Run, at, most
from bench.scenes.systems import Caudal, PeerSystem, System

OURS_AT_MOST = 10_000.0
PEER_AT_MOST = 3_000.0


@dataclass(slots=True)
class Found:
    """The rates of one system, with E at the time of each, and its runs."""

    rates: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def add(self, rate: float, empty: float, run: Run) -> None:
        """Note a run that was sustained."""
        self.rates.append(rate)
        self.empty.append(empty)
        self.runs.append(run)

    def keep(self, last: int) -> None:
        """Forget all but so many of the last."""
        del self.rates[:-last], self.empty[:-last], self.runs[:-last]

    @property
    def idle(self) -> list[float]:
        """The share of all cores that was left in each run."""
        return [round(_idle(run, rate), 3) for rate, run in zip(self.rates, self.runs, strict=True)]


async def end_to_end(stage: Stage, _sustained: float) -> list[Figure]:
    """Find and hold the highest rate of ours, then of the peers."""
    ours = await measured(
        stage,
        Caudal(),
        at_most=OURS_AT_MOST,
        look=stage.seconds(10, 5),
        hold=stage.seconds(60, 8),
        times=1 if stage.quick else 2,
    )
    peers = {
        name: await measured(
            stage,
            PeerSystem(peer),
            at_most=PEER_AT_MOST,
            look=stage.seconds(6, 4),
            hold=stage.seconds(20, 5),
            times=1 if stage.quick else 2,
        )
        for name, peer in PEERS.items()
        if not peer.missing and not stage.quick
    }
    figures = [_against_e(stage, ours), _workers_cpu(ours), _memory(ours)]
    for name, theirs in peers.items():
        against = [
            (our / our_e) / (their / their_e)
            for our, our_e in zip(ours.rates, ours.empty, strict=True)
            for their, their_e in zip(theirs.rates, theirs.empty, strict=True)
        ]
        figures.append(
            Figure(
                key=f"end_to_end_{name}",
                title=f"end to end, sustained, against {PEERS[name].title} (each against its E)",
                values=tuple(against),
                target=Target(at_least=8),
                beside={
                    "ours_per_second": [round(rate) for rate in ours.rates],
                    "theirs_per_second": [round(rate) for rate in theirs.rates],
                    "theirs_empty_per_second": [round(rate) for rate in theirs.empty],
                    "theirs_idle": theirs.idle,
                    "theirs_through_s": [round(run.through, 2) for run in theirs.runs],
                    "theirs_cpu_us": rounded(theirs.runs[-1].cpu_us),
                },
            )
        )
    return figures


async def measured(  # noqa: PLR0913 - each told by name
    stage: Stage, system: System, *, at_most: float, look: float, hold: float, times: int
) -> Found:
    """Look for the highest rate, then hold it for longer, several times, E before and after each.

    Each hold begins with an empty database: what a million webhooks on record cost is the affair of
    `growth`, and repetitions have to be alike.
    """
    found = Found()
    await system.start(stage.house)
    rate = await most(stage, system, seconds=look, at_most=at_most)
    await system.stop(stage.house)
    search = Search(LONG * rate if hold > look else rate, times)
    while not search.done:
        rate = search.rate
        stage.progress(f"{system.name}: {rate:.0f}/s for {hold:.0f} s")
        before = await _empty(stage)
        there = stage.on(await database(stage))
        await system.start(there.house)
        run = await at(there, system, rate, hold, while_it_keeps_up=True)
        await system.stop(there.house)
        if run.sustained:
            search.sustained(_idle(run, rate))
            found.add(rate, (before + await _empty(stage)) / 2, run)
            found.keep(len(search.held))
        else:
            search.failed(run.per_second)
    return found


def _idle(run: Run, rate: float) -> float:
    """Return the share of all cores that nobody used, in whatever is accounted for."""
    return 1 - rate * sum(run.cpu_us.values()) / 1e6 / len(os.sched_getaffinity(0))


async def _empty(stage: Stage) -> float:
    """Return what E answers a second: the median of three short looks."""
    async with empty_handler() as (port, pid):
        looks = [
            await flat_out(stage, port, pid, seconds=1, at_most=EMPTY_AT_MOST) for _ in range(3)
        ]
    return median(look.per_second for look in looks)


def _against_e(stage: Stage, ours: Found) -> Figure:
    return Figure(
        key="end_to_end",
        title=f"end to end, sustained {stage.seconds(60, 8):.0f} s, against E",
        values=tuple(rate / e for rate, e in zip(ours.rates, ours.empty, strict=True)),
        target=Target(at_least=0.3),
        beside={
            "per_second": [round(rate) for rate in ours.rates],
            "empty_per_second": [round(rate) for rate in ours.empty],
            "idle": ours.idle,
            "through_s": [round(run.through, 2) for run in ours.runs],
            "accept_ms": ours.runs[-1].told.latency_ms,
            "cpu_us": rounded(ours.runs[-1].cpu_us),
        },
    )


def _workers_cpu(ours: Found) -> Figure:
    return Figure(
        key="workers_cpu",
        title="CPU per webhook, normalizer and reconciler together against the ingress",
        values=tuple(
            (run.cpu_us["normalizer"] + run.cpu_us["reconciler"]) / run.cpu_us["ingress"]
            for run in ours.runs
        ),
        target=Target(at_most=2),
        beside={"cpu_us": [rounded(run.cpu_us) for run in ours.runs]},
    )


def _memory(ours: Found) -> Figure:
    names = Caudal().processes
    return Figure(
        key="memory",
        title="largest resident memory of a process at full load",
        values=tuple(max(run.peak_mb[name] for name in names) for run in ours.runs),
        unit="MB",
        target=Target(at_most=120),
        beside={"peak_mb": [rounded(run.peak_mb) for run in ours.runs]},
    )


def rounded(values: object) -> dict[str, float]:
    """Return these by name, to a tenth."""
    return {name: round(value, 1) for name, value in dict(values).items()}  # type: ignore[call-overload]
