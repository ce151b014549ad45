"""What a batch adds to one object: step by step, as if each observation had come alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Authority, Flag, Kind
from libs.domain.observation import Observation
from libs.domain.verdict import Outcome
from libs.store.objects import StoredObject
from services.reconciler.change import change_of

# Observations of one object, beyond which it is a crowd: a batch folds it once and no longer step by
# step, and one that finds a crowd leaves the fold to `crowd`. No honest object is one.
CROWDED: Final = 100

# What is asked about as soon as it is so.
_TO_ASK: Final = (Flag.VERIFY.value, Flag.UNCORROBORATED.value)


@dataclass(slots=True)
class Steps:
    """What a batch adds to one object; `news` are the rows that events tell of, in order.

    Each comes with the observation that made it so.
    """

    row: StoredObject
    before: Sequence[str] = ()  # the flags that it had
    moved: bool = False
    folded: Folded | None = None  # with all that was added
    added: dict[str, Observation] = field(default_factory=dict)
    repeats: list[Observation] = field(default_factory=list)
    news: list[tuple[StoredObject, Observation]] = field(default_factory=list)


def advance(
    stored: StoredObject,
    known: dict[str, Observation],
    told: Sequence[Observation],
    holds: Collection[str],
) -> Steps:
    """Take observations in one by one, as if each had come alone: a batch skips no change.

    A crowded object (no honest one is) is folded once for the batch, or the time that its batch
    takes would grow with the square of what was said.
    """
    steps, kind, merged = Steps(stored, stored.flags), Kind(stored.kind), False
    for number, said in enumerate(told, 1):
        merged |= merge(known, said, steps)
        if not merged or (len(known) > CROWDED and number < len(told)):
            continue
        merged = False
        steps.folded = fold(kind, known.values())
        change = change_of(steps.row, steps.folded, holds)
        if change is not None:
            steps.row, steps.moved = change.row, True
            if change.news:
                steps.news.append((change.row, said))
    return steps


def merge(known: dict[str, Observation], said: Observation, steps: Steps) -> bool:
    """Put one observation into what is known; say whether that adds anything.

    Of two tellings of a key one stands (see `precedence`), and the other is a repeat. The same
    delivery again is nothing at all.
    """
    first = known.get(said.key)
    if first is not None and first.delivery_id == said.delivery_id:
        return False
    if first is None or said.precedence < first.precedence:
        known[said.key] = steps.added[said.key] = said
        later = first
    else:
        later = said
    if later is not None:
        steps.repeats.append(later)
    return later is not said


def verdicts(steps: Sequence[Steps], repeats: int) -> Counter[str]:
    """Count what became of the observations that a batch has added."""
    counts = Counter(
        [
            verdict.outcome.value
            for each in steps
            if each.folded is not None
            for verdict in each.folded.verdicts
            if verdict.key in each.added
        ]
    )
    if repeats:
        counts[Outcome.DUPLICATE.value] += repeats
    return counts


def doubt(steps: Steps) -> str | None:
    """Return the flag for which to ask the provider at once; what an answer itself leaves open is none."""
    if not steps.moved or steps.row.authority == Authority.POLL:
        return None
    return next((f for f in _TO_ASK if f in steps.row.flags and f not in steps.before), None)
