"""Whether a source is silent: held against what is usual for it at this time of the week.

Two tests, for two kinds of sources. Where many come, so few in the last sixty minutes that chance does
not explain it, not even in a thin week. Where few come, a gap so long that chance does not explain it,
nights and week-ends counting for what usually comes in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import log
from typing import Final

from libs.arrivals.poisson import log_at_most, one_in
from libs.arrivals.usual import ENOUGH_WEEKS, Usual
from libs.arrivals.week import MISSED_WEEKS, SPAN, WEEK, hour_of_week

TOO_FEW: Final = log(1e-6)  # looked at every few minutes, for ever
# One of the gaps of so many weeks may be as long by chance, and there are as many gaps as hours in which
# something comes. What is learnt of eight weeks is itself a matter of chance: in 3,200 weeks that were
# drawn it was four.
OF_WEEKS: Final = 2000
# A gap has to be larger by this than those that the source had before; what comes in bursts has large
# ones all the time.
LARGER: Final = 1.5


class Standing(StrEnum):
    """How a source stands."""

    OK = "ok"
    QUIET = "quiet"
    SILENT = "silent"
    LEARNING = "learning"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a source: the last delivery, and how many in the last sixty minutes."""

    last_at: datetime
    last_hour: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a source stands, and why, in words."""

    standing: Standing
    why: str


def judge(usual: Usual, heard: Heard | None, at: datetime) -> Verdict:
    """Judge a source as of `at`, the end of the last five minutes that were counted."""
    if heard is None:
        return Verdict(Standing.NEVER, "nothing ever came")
    if not usual.known:
        return Verdict(
            Standing.LEARNING, f"{usual.weeks} weeks seen; judged from {ENOUGH_WEEKS} weeks on"
        )
    if at - heard.last_at > MISSED_WEEKS * WEEK:
        return Verdict(Standing.LEARNING, f"nothing for {MISSED_WEEKS} weeks: not missed any more")
    why = _too_few(usual, heard, at) or _too_long(usual, heard, at)
    if why is not None:
        return Verdict(Standing.SILENT, why)
    if heard.last_hour:
        return Verdict(Standing.OK, f"{heard.last_hour} in 60 minutes")
    return Verdict(Standing.QUIET, "nothing in 60 minutes, as happens at this time of the week")


def least(usual: Usual, at: datetime) -> int:
    """Return the few that came in sixty minutes in a thin week at this time.

    An hour earlier or later is no other time: shops open by clocks that are changed twice a year.
    """
    hour = hour_of_week(at - SPAN)
    return min(usual.slot(near).low for near in (hour - 1, hour, hour + 1))


def _too_few(usual: Usual, heard: Heard, at: datetime) -> str | None:
    few = least(usual, at)
    chance = log_at_most(heard.last_hour, few)
    if chance >= TOO_FEW:
        return None
    return (
        f"{heard.last_hour} in 60 minutes; at this time of the week even a thin one has {few}"
        f" (by chance {one_in(chance)})"
    )


def _too_long(usual: Usual, heard: Heard, at: datetime) -> str | None:
    surprise = usual.surprise(heard.last_at, at)
    if not surprise or surprise <= max(
        log(max(usual.hours_a_week, 1) * OF_WEEKS), LARGER * usual.gap
    ):
        return None
    hours = int((at - heard.last_at).total_seconds()) // 3600
    return f"nothing for {hours} h, at times when something usually comes (by chance {one_in(-surprise)})"
