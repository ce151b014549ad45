"""The order in which the webhooks of one life come: some swapped, some late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from services.simulator.lives import Body, Life
from services.simulator.options import Options

LATE_SHARE: Final = 0.05  # of those that may come at any time, where a delay is asked for


@dataclass(frozen=True, slots=True)
class Turn:
    """One notice of an open life that waits for its place in the plan; `step` is its place in it."""

    body: Body
    silent: bool
    waits: bool
    late: float
    step: int


def arranged(life: Life, options: Options, chance: Random) -> list[Turn]:
    """Put the notices of a life in the order of their turns."""
    bound = len(life.notices) - life.path.in_order
    turns = []
    for place, notice in enumerate(life.notices):
        late = 0.0
        if place < bound and options.delay and chance.random() < LATE_SHARE:
            late = options.delay * chance.uniform(0.5, 1.0)
        turns.append(Turn(notice.body, notice.silent, waits=True, late=late, step=place))
    place = 0
    while place + 1 < bound:
        if chance.random() < options.reorder:
            first, second = turns[place], turns[place + 1]
            turns[place : place + 2] = [replace(second, waits=False), replace(first, waits=False)]
            place += 1
        place += 1
    return turns
