"""What the bench finds: ratios of two things that were measured in turns, and their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """`at_least` or `at_most`; exactly one of them is told."""

    at_least: float | None = None
    at_most: float | None = None

    def met_by(self, value: float) -> bool:
        """Whether a value is good enough."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the result: a value for each repetition, and what stands behind it.

    `beside` are absolute figures for orientation: they depend on the machine and on the hour.
    """

    key: str
    title: str
    values: tuple[float, ...]
    unit: str = "×"  # noqa: RUF001 - the sign for a ratio
    target: Target | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle one of the repetitions."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the target is met by the median; None where there is none."""
        return None if self.target is None else self.target.met_by(self.median)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "key": self.key,
            "title": self.title,
            "unit": self.unit,
            "median": self.median,
            "low": min(self.values),
            "high": max(self.values),
            "values": list(self.values),
            "target": None if self.target is None else str(self.target),
            "met": self.met,
            "beside": dict(self.beside),
        }
