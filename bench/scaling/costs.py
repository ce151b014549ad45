"""What one webhook costs, as it was measured: read from the results of the bench, never written down again.

CPU comes from `bench/results/release.json`, whole runs on machines of two cores with everything on them. Bytes, the
relay's rate and what a history is made of come from `bench/scaling/measured.json` (`python -m bench.scaling measure`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

RELEASE: Final = Path(__file__).parents[1] / "results" / "release.json"
MEASURED: Final = Path(__file__).parent / "measured.json"
PROCESSES: Final = ("ingress", "normalizer", "reconciler", "broker", "postgres")
Figures = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Point:
    """Webhooks a second, and the CPU that each process took for one of them, in µs."""

    rate: float
    cpu_us: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Costs:
    """What was found on one processor. `points` go from rest to what is sustained."""

    processor: str
    idle: Mapping[str, float]
    """Shares of a core that each process takes with nothing to do."""
    points: tuple[Point, ...]
    memory_mb: Mapping[str, float]
    bytes_per_object: Mapping[str, float]
    events_per_second: float
    """What one quorum queue confirms of messages as large as an event."""
    event_bytes: float
    broker_bytes_per_second: float
    """What it confirms of messages with twenty webhooks."""
    webhook_bytes: float
    """One webhook in a message of twenty."""

    @property
    def sustained(self) -> Point:
        """The highest rate that everything on one machine kept up with."""
        return self.points[-1]

    def cores(self, process: str, rate: float) -> float:
        """Return how many cores one process is busy with at a rate: between two points a straight line.

        Above the last one a webhook costs what it costs there, which is more than it will: larger batches are cheaper.
        Who was seen busier at a lower rate (in a slower hour of the machine) is taken to be so above it as well.
        """
        busy = self.idle[process]
        known = [(0.0, busy)]
        for point in self.points:
            busy = max(busy, point.rate * point.cpu_us[process] / 1e6)
            known.append((point.rate, busy))
        if rate >= self.sustained.rate:
            return max(busy, rate * self.sustained.cpu_us[process] / 1e6)
        for (low, below), (high, above) in pairwise(known):
            if rate <= high:
                return below + (above - below) * (rate - low) / (high - low)
        raise AssertionError("the last point is above every rate that comes here")


@dataclass(frozen=True, slots=True)
class Measured:
    """What `python -m bench.scaling measure` found."""

    processor: str
    webhooks: int
    objects_per_webhook: float
    events_per_webhook: float
    bytes_per_webhook: Mapping[str, float]
    """By table, with its indexes."""
    wal_bytes_per_webhook: float
    relay_events_per_second: float
    relay_cpu_us: float
    """Of the reconciler, for one event."""


def costs_by_processor(release: Path = RELEASE) -> dict[str, Costs]:
    """Read what the last whole runs found, by processor."""
    full: Mapping[str, Any] = json.loads(release.read_text(encoding="utf-8"))["full"]
    return {name: _costs(name, result) for name, result in full.items()}


def dearest(found: Mapping[str, Costs]) -> Costs:
    """Choose the processor on which a webhook costs most: what is sized for it is enough on the others."""
    return max(found.values(), key=lambda costs: sum(costs.sustained.cpu_us[p] for p in PROCESSES))


def measured(path: Path = MEASURED) -> Measured:
    """Read what `measure` wrote."""
    return Measured(**json.loads(path.read_text(encoding="utf-8"))["figures"])


def _costs(name: str, result: Mapping[str, Any]) -> Costs:
    figures: Figures = {figure["key"]: figure["beside"] for figure in result["figures"]}
    limits = result["limits"]
    event, _, twenty = limits["broker"]
    return Costs(
        processor=name,
        idle={each: share / 100 for each, share in figures["idle_cpu"]["percent"].items()},
        points=(
            _point(figures["latency_idle_p50"]["rate"], figures["latency_idle_p50"]["cpu_us"]),
            _point(figures["latency_half_p50"]["rate"], figures["latency_half_p50"]["cpu_us"]),
            _point(median(figures["end_to_end"]["per_second"]), figures["workers_cpu"]["cpu_us"]),
        ),
        memory_mb=_medians(figures["memory"]["peak_mb"]),
        bytes_per_object=figures["growth"]["bytes_per_object"],
        events_per_second=event["value"],
        event_bytes=event["settings"]["bytes"],
        broker_bytes_per_second=twenty["also"]["mb_per_s"] * 1e6,
        webhook_bytes=twenty["settings"]["bytes"] / twenty["settings"]["webhooks_per_message"],
    )


def _point(rate: float, cpu_us: Sequence[Mapping[str, float]]) -> Point:
    return Point(rate, _medians(cpu_us))


def _medians(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in told) for name in PROCESSES}
