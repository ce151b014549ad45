"""Whether a run is worse than what was stored for the last release.

Only ratios are compared, since they hold in another hour, and nearly on another machine: the empty
handler gains more than the broker from a faster core, so what is stored is kept for each processor
by itself. Each figure has a tolerance: the share by which its median may be worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Latencies at the tail spread most, from one run to the next by half; rates and CPU are steadier.
TOLERANCES: Final[Mapping[str, float]] = {
    "idle_cpu": 1.0,
    "ingress_rate": 0.2,
    "ingress_cpu": 0.2,
    "workers_cpu": 0.2,
    "accept_latency": 1.0,
    "end_to_end": 0.25,
    "end_to_end_faststream": 0.3,
    "end_to_end_celery": 0.3,
    "drain": 0.3,
    "memory": 0.15,
    "drain_memory": 0.15,
    "drain_memory_growth": 0.05,
    "latency_idle_p50": 0.4,
    "latency_half_p50": 0.6,
    "replay": 0.3,
    "hot_rest": 0.1,
    "growth": 0.15,
}
# What decides how a figure is measured: of two that differ in it, none says anything of the other.
_HOW: Final = ("connections",)


class OtherwiseError(ValueError):
    """Two results were measured in different ways; the message says in what."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure, now and then. `worse_by` is a share; below 0 it got better."""

    key: str
    title: str
    then: float
    now: float
    worse_by: float
    tolerance: float

    @property
    def regression(self) -> bool:
        """Whether it is worse by more than is tolerated."""
        return self.worse_by > self.tolerance


def changes(
    figures: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]]
) -> list[Change]:
    """Compare the figures that both have and that have a tolerance. Raises `OtherwiseError`."""
    before = {figure["key"]: figure for figure in stored}
    found = []
    for figure in figures:
        key = figure["key"]
        if key not in before or key not in TOLERANCES:
            continue
        for setting in _HOW:
            used, now_used = (each["beside"].get(setting) for each in (before[key], figure))
            if used != now_used:
                raise OtherwiseError(f"{key}: {setting} was {used}, and is {now_used}")
        then, now = before[key]["median"], figure["median"]
        more_is_better = str(figure["target"]).startswith("≥")
        worse_by = then / now - 1 if more_is_better else now / then - 1
        found.append(Change(key, figure["title"], then, now, worse_by, TOLERANCES[key]))
    return found


def processor(result: Mapping[str, Any]) -> str:
    """Return the name of the processor that a result was found on."""
    return str(result["machine"]["cpu"])


def stored_for(
    result: Mapping[str, Any], stored: Mapping[str, Mapping[str, Any]]
) -> tuple[str, Mapping[str, Any]]:
    """Choose what a result is compared with: of its own processor, or of one that is called alike, or the first.

    `stored` leads from processors to results; gives the processor and the result that were chosen.
    """
    name = processor(result)
    if name not in stored:
        alike = (each for each in stored if each.partition(" (")[0] == name.partition(" (")[0])
        name = next(alike, next(iter(stored)))
    return name, stored[name]


def middle(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put several results together: each figure is that of the run in the middle, by its median.

    What else is told (machine, versions, settings) is that of the first.
    """
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        for figure in result["figures"]:
            by_key.setdefault(figure["key"], []).append(figure)
    figures = [
        sorted(alike, key=lambda figure: figure["median"])[(len(alike) - 1) // 2]
        for alike in by_key.values()
    ]
    return {**results[0], "figures": figures}
