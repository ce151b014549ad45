"""Weeks of a source, made from a rate by the hour and a seed, and played through as they would come."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from libs.arrivals.silence import Heard, Standing, Verdict, judge
from libs.arrivals.usual import Usual, learn
from libs.arrivals.week import HOUR, SPAN, SPANS, hour_of

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)

Rate = Callable[[datetime], float]


def poisson(chance: random.Random, mean: float) -> int:
    """Draw a number of events by Knuth's method, in parts so that a large mean does not underflow."""
    drawn = 0
    while mean > 0:
        part = min(mean, 50.0)
        mean -= part
        left = math.exp(-part)
        product = chance.random()
        while product > left:
            drawn += 1
            product *= chance.random()
    return drawn


@dataclass
class Weeks:
    """What came, by five minutes. `last` is told as the end of the last five that had anything."""

    began: datetime
    counts: list[int] = field(default_factory=list)

    def counted(self) -> Iterable[tuple[datetime, int]]:
        return ((self.began + n * SPAN, count) for n, count in enumerate(self.counts) if count)

    @property
    def ended(self) -> datetime:
        return self.began + len(self.counts) * SPAN

    def play(
        self, begin: datetime, learnt_every: timedelta = DAY
    ) -> list[tuple[datetime, Verdict]]:
        """Judge every five minutes from `begin` on, learning now and then from what was before."""
        found: list[tuple[datetime, Verdict]] = []
        usual, learnt = Usual(), begin - learnt_every
        first = next((at for at, _ in self.counted()), self.ended)
        last: datetime | None = None
        for n, count in enumerate(self.counts, 1):
            at = self.began + n * SPAN
            last = at - SPAN / 2 if count else last
            if at < begin:
                continue
            if at - learnt >= learnt_every:
                learnt = at
                usual = learn(self.counted(), first=first, last=last or first, until=hour_of(at))
            sixty = sum(self.counts[max(n - SPANS, 0) : n])
            heard = None if last is None else Heard(last, sixty)
            found.append((at, judge(usual, heard, at)))
        return found

    def standings(self, begin: datetime) -> list[tuple[datetime, Standing]]:
        return [(at, verdict.standing) for at, verdict in self.play(begin)]


def weeks_of(rate: Rate, *, weeks: float, seed: int, began: datetime = MONDAY) -> Weeks:
    """Draw weeks in which so many come in an hour as `rate` says at its beginning."""
    chance = random.Random(seed)
    made = Weeks(began)
    for hour in range(int(weeks * 168)):
        mean = rate(began + hour * HOUR) / SPANS
        made.counts += [poisson(chance, mean) for _ in range(SPANS)]
    return made


def alarms(played: list[tuple[datetime, Standing]]) -> int:
    """Count how often it became silent."""
    return sum(
        now is Standing.SILENT and before is not Standing.SILENT
        for (_, before), (_, now) in pairwise(played)
    )
