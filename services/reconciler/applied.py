"""What a batch of outcomes did, in counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Applied:
    """What a batch did, in counts."""

    outcomes: int = 0
    observations: int = 0
    repeats: int = 0
    events: int = 0
    parked: int = 0
    verdicts: Counter[str] = field(default_factory=Counter, compare=False)
    """Of the observations, as they stood at the end of the batch."""
    reasons: Counter[str] = field(default_factory=Counter, compare=False)
    """For which readings were parked."""

    def add(self, other: Applied) -> None:
        """Add the counts of another batch."""
        for count in fields(self):
            name = count.name
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.compare}
