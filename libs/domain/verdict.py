"""What became of each observation in the fold, and the rule that decided it."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """The effect of one observation, told in the order of effective time."""

    APPLIED = "applied"  # it moved the state, agreed with it, or added its facet
    DUPLICATE = "duplicate"  # the same observation again; nothing was added
    STALE = "stale"  # on record without effect: something newer, higher or better stands
    CONFLICT = "conflict"  # it contradicts what stands
    SUPERSEDED = "superseded"  # a correction named it; it left the fold


class Rule(Enum):
    """The rules of the fold: number and sentence."""

    HIGHEST_BAND = (1, "the highest band wins; money beats a refusal")
    LATEST_IN_BAND = (2, "inside an open or held band the latest effective time wins")
    BEST_AUTHORITY = (3, "among answers of one band the best authority wins, then the earliest")
    AFTER_PAID = (4, "a refusal after paid: a payment stays paid, a payout came back")
    FACETS = (5, "refunds, voids and disputes move a paid payment")
    LEDGER = (6, "refunds are ledger entries, summed and never overwritten")
    CORRECTION = (7, "a correction takes the observations that it names out of the fold")
    ATTEMPT = (9, "a declined attempt is counted and moves no state")
    NOTED = (0, "recorded; it says no state")
    REPEATED = (0, "the same observation key was told before")

    def __init__(self, number: int, sentence: str) -> None:
        """Take the number apart from the sentence."""
        self.number = number
        self.sentence = sentence

    @property
    def label(self) -> str:
        """`rule 1: the highest band wins; money beats a refusal`."""
        return f"rule {self.number}: {self.sentence}" if self.number else self.sentence


class Verdict(NamedTuple):
    """What became of the observation called `key`."""

    key: str
    outcome: Outcome
    rule: Rule
