"""Whether a poll and the webhooks agree: what the answer alone says, beside the object's state when asked.

It is looked at when the answer comes, before it is folded: afterwards the object would agree with itself.
What webhooks are still on their way at that moment counts as what a poll told first.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from libs.domain.fold import fold
from libs.domain.lifecycle import Band, Kind, State, order_of
from libs.domain.observation import Observation


class Agreement(StrEnum):
    """How an answer stands to what was known."""

    AGREES = "agrees"
    POLL_AHEAD = "poll_ahead"  # further than the object: a webhook is late or lost
    POLL_BEHIND = "poll_behind"  # the answer is stale, or the query does not tell it (a dispute)
    CONFLICT = "conflict"  # both cannot be true


def agreement_of(kind: Kind, known: str | None, said: Sequence[Observation]) -> Agreement | None:
    """Compare; None where the answer says no state."""
    if not said or (told := fold(kind, said).state) is None:
        return None
    if known is None:
        return Agreement.POLL_AHEAD
    here, there = order_of(kind, State(known)), order_of(kind, told)
    if here == there:
        return Agreement.AGREES
    if there[0] is Band.NEGATIVE and here[0] >= Band.NEGATIVE:
        return Agreement.CONFLICT
    return Agreement.POLL_AHEAD if there > here else Agreement.POLL_BEHIND
