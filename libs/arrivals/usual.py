"""What is usual for a source, hour of the week by hour of the week, learnt from its last weeks.

A quantile that one week of eight cannot move is `low`: a holiday or an outage does not become the
rule because it happened once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from math import log
from types import MappingProxyType
from typing import Final

from libs.arrivals.week import HOUR, HOURS, SPAN, SPANS, WEEK, WEEKS, hour_of_week, next_hour

ENOUGH_WEEKS: Final = 3  # before that, nothing is usual
# A slot that was never empty in n weeks will be empty once in a while all the same: in one week of
# 3n + 1. The share is shrunk that way alone; one that was always empty stays at nothing.
_DOUBT: Final = 1 / 3


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour of the week. `weeks` were looked at, in `heard` of them something came.

    `median` is of the counts of the hour. `low` is the low quantile of the thinnest sixty minutes that
    end in it, so that any sixty minutes that end in it may be held against it, whatever the pattern.
    """

    weeks: int
    heard: int
    low: int
    median: int

    @property
    def surprise(self) -> float:
        """How much an empty hour says: minus the logarithm of its chance."""
        return _surprise(self.heard, self.weeks)


@lru_cache
def _surprise(heard: int, weeks: int) -> float:
    return -log(1 - heard / (weeks + _DOUBT))


NOTHING: Final = Slot(weeks=0, heard=0, low=0, median=0)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is known of a source: by hour of the week, over so many whole weeks.

    `gap` is the surprise of the second largest gap of those weeks: how far apart deliveries come that
    do not come by chance alone. The largest may have been an outage.
    """

    weeks: int = 0
    slots: Mapping[int, Slot] = field(default_factory=lambda: MappingProxyType({}))
    gap: float = 0.0

    @property
    def known(self) -> bool:
        """Whether it is enough to judge by."""
        return self.weeks >= ENOUGH_WEEKS and any(slot.heard for slot in self.slots.values())

    @property
    def hours_a_week(self) -> float:
        """In how many hours of a week something comes."""
        return sum(slot.heard / slot.weeks for slot in self.slots.values() if slot.weeks)

    def slot(self, hour: int) -> Slot:
        """Return an hour of the week; it may be one of the week before or after."""
        return self.slots.get(hour % HOURS, NOTHING)

    def surprise(self, begin: datetime, end: datetime) -> float:
        """Say how surprising it is that nothing came in the whole hours from `begin` to `end`."""
        first = next_hour(begin)
        hours = max((end - first) // HOUR, 0)
        weeks, rest = divmod(hours, HOURS)
        start = hour_of_week(first)
        of_a_week = sum(slot.surprise for slot in self.slots.values()) if weeks else 0.0
        return weeks * of_a_week + sum(self.slot(start + n).surprise for n in range(rest))


def learn(
    counted: Iterable[tuple[datetime, int]], *, first: datetime, last: datetime, until: datetime
) -> Usual:
    """Learn from counts by five minutes what is usual in weeks before `until` (a whole hour).

    `first` and `last` are when something came: what was before teaches nothing, nor what was after. A
    source that is silent does not learn that this is usual.
    """
    end = min(until, next_hour(last))
    begin = max(end - WEEKS * WEEK, next_hour(first))
    hours = (end - begin) // HOUR
    weeks = max(hours // HOURS, 0)
    if weeks < ENOUGH_WEEKS:
        return Usual(weeks)
    spans = _spans(counted, begin - HOUR, (hours + 1) * SPANS)
    totals = [0, *accumulate(spans)]
    sixty = [last - first for first, last in zip(totals, totals[SPANS:], strict=False)]
    # of each hour: what came in it, and the thinnest sixty minutes that end in it
    came = sixty[SPANS::SPANS]
    thinnest = [min(sixty[n + 1 : n + 1 + SPANS]) for n in range(0, hours * SPANS, SPANS)]
    start = hour_of_week(begin)
    slots = {
        (start + place) % HOURS: _slot(came[place::HOURS], thinnest[place::HOURS])
        for place in range(HOURS)
    }
    return Usual(weeks, MappingProxyType(slots), _second_gap(came, start, slots))


def _spans(counted: Iterable[tuple[datetime, int]], begin: datetime, length: int) -> list[int]:
    spans = [0] * length
    for at, count in counted:
        place = (at - begin) // SPAN
        if 0 <= place < length:
            spans[place] += count
    return spans


def _slot(came: Sequence[int], thinnest: Sequence[int]) -> Slot:
    return Slot(
        weeks=len(came),
        heard=sum(count > 0 for count in came),
        low=sorted(thinnest)[(len(thinnest) - 1) // 5],
        median=sorted(came)[(len(came) - 1) // 2],
    )


def _second_gap(came: Sequence[int], start: int, slots: Mapping[int, Slot]) -> float:
    """Return the surprise of the second largest gap between two hours in which something came."""
    surprises = [slots[(start + place) % HOURS].surprise for place in range(HOURS)]
    gaps, gap = [0.0, 0.0], 0.0
    before_first = True
    for place, count in enumerate(came):
        if not count:
            gap += surprises[place % HOURS]
            continue
        if not before_first:
            gaps.append(gap)
        before_first, gap = False, 0.0
    return sorted(gaps)[-2]
