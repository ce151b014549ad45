"""A measured limit with how it was made, and percentiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Setting = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One measurement: `value` in `unit`; `also` holds what else it told, its units in the names."""

    name: str
    value: float
    unit: str
    also: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` percent of the values lie, which are in order."""
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


def spread(values: Sequence[float], unit: str, scale: float = 1.0) -> dict[str, float]:
    """Return p50 and p99 of values times `scale`, and how many there were."""
    ordered = sorted(values)
    return {f"p{share}_{unit}": scale * percentile(ordered, share) for share in (50, 99)} | {
        "samples": len(ordered)
    }


def cpu_cost(seconds: float, things: int, name: str) -> dict[str, float]:
    """Return the microseconds of CPU for each of so many things; nothing where none was seen."""
    return {f"server_cpu_us_per_{name}": 1e6 * seconds / things} if seconds and things else {}
