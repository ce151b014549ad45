"""The verdict of the oracle: counts, and what differs, by id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

SHOWN: Final = 20  # examples of each kind; the total is told beside them

# What each kind of difference means; the first two groups are the sums `lost` and
# `duplicates_of_effect`.
LOST: Final = {
    "lost_deliveries": "accepted, and not in the archive",
    "lost_outcomes": "in the archive, and nothing became of it",
    "lost_effects": "translatable, and not folded into its object",
    "lost_objects": "told of, and not there",
    "lost_events": "a change that was never published",
}
DUPLICATES: Final = {
    "folded_twice": "one webhook's news stands more than once",
    "extra_observations": "an object has more observations than it was told",
    "refunded_twice": "more went back than was told",
    "taken_twice": "two events with one sequence, or one id",
    "empty_events": "an event without a change",
    "extra_events": "more events than things said",
}
OTHERS: Final = {
    "never_sent": "in the archive, and never posted like that",
    "filed_too_often": "in the archive more often than posted",
    "refused_but_filed": "refused for good, and in the archive all the same",
    "wrong_answers": "not the answer that the provider documents",
    "wrongly_parked": "translatable, and parked",
    "not_parked": "malformed or unknown, and not parked",
    "wrong_reasons": "malformed or unknown, and parked for another reason than that",
    "effect_of_nothing": "malformed, unknown or empty, and folded all the same",
    "wrong_states": "another final state than the history has",
    "wrong_amounts": "another amount than the history has",
    "not_overdue": "it does not stand as its history ends, nobody can be asked, and no person is told",
    "altered_events": "the same event with two bodies",
    "disordered_events": "published when a later event of its object was out already",
    "last_events_differ": "the last event does not say what the object's row says",
}
KINDS: Final = LOST | DUPLICATES | OTHERS


@dataclass(slots=True)
class Difference:
    """How often something differs, and the first examples."""

    total: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Verdict:
    """What the oracle found. `counts` by name; `differences` by the names in `KINDS`."""

    counts: dict[str, int | float] = field(default_factory=dict)
    differences: dict[str, Difference] = field(default_factory=dict)

    def differs(self, kind: str, what: str, times: int = 1) -> None:
        """Note a difference; `what` names it by ids."""
        if kind not in KINDS:
            raise ValueError(kind)
        difference = self.differences.setdefault(kind, Difference())
        difference.total += times
        if len(difference.examples) < SHOWN:
            difference.examples.append(what)

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def lost(self) -> int:
        return self._sum(LOST)

    @property
    def duplicates_of_effect(self) -> int:
        return self._sum(DUPLICATES)

    def as_json(self) -> dict[str, Any]:
        """Return counts on top, then every kind of difference with its total and examples."""
        return {
            "clean": self.clean,
            **self.counts,
            "lost": self.lost,
            "duplicates_of_effect": self.duplicates_of_effect,
            "differences": {
                kind: {"means": KINDS[kind], "total": found.total, "examples": found.examples}
                for kind, found in self.differences.items()
            },
        }

    def _sum(self, kinds: dict[str, str]) -> int:
        return sum(found.total for kind, found in self.differences.items() if kind in kinds)
