"""Sources as they are: each judged every five minutes, through weeks that were drawn by a seed."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from libs.arrivals.silence import Heard, Standing, judge, least
from libs.arrivals.usual import Slot, Usual
from libs.arrivals.week import HOUR, SPAN, WEEK
from tests.unit.arrivals.weeks import DAY, MONDAY, Rate, Weeks, alarms, weeks_of

SILENT, QUIET, OK = Standing.SILENT, Standing.QUIET, Standing.OK
NINTH = MONDAY + 8 * WEEK
NOON = timedelta(hours=12)


def steady(_at: datetime) -> float:
    return 30


def busy(_at: datetime) -> float:
    return 600


def by_night(at: datetime) -> float:
    """Open from eight in the evening to four in the morning."""
    return 25 if at.hour >= 20 or at.hour < 4 else 0


def on_weekdays(at: datetime) -> float:
    return 12 if at.weekday() < 5 and 9 <= at.hour < 18 else 0


def stopping(rate: Rate, stop: datetime, then: float = 0.0) -> Rate:
    """Go on at a part of the rate from `stop` on."""
    return lambda at: rate(at) * (then if at >= stop else 1)


def first_silent(weeks: Weeks, begin: datetime) -> datetime | None:
    """Return when it was silent for the first time, as far as it was looked at."""
    return next((at for at, now in weeks.standings(begin) if now is SILENT), None)


def silent_after(rate: Rate, stop: datetime, *, then: float = 0.0, seed: int = 1) -> timedelta:
    """Return how long after `stop` it was told; it must not have been told before."""
    weeks = weeks_of(stopping(rate, stop, then), weeks=9, seed=seed)
    told = first_silent(weeks, NINTH)
    assert told is not None
    return told - stop


def test_steady_shop_that_stops_is_told_within_an_hour() -> None:
    assert timedelta(0) < silent_after(steady, NINTH + NOON) <= HOUR


def test_busy_shop_that_stops_is_told_within_a_quarter() -> None:
    assert timedelta(0) < silent_after(busy, NINTH + NOON) <= timedelta(minutes=20)


def test_half_of_the_usual_rate_is_told() -> None:
    assert timedelta(0) < silent_after(busy, NINTH + NOON, then=0.5) <= HOUR


def test_shop_of_the_night_is_quiet_by_day() -> None:
    weeks = weeks_of(by_night, weeks=9, seed=2)
    told = weeks.standings(NINTH)
    assert {now for _, now in told} == {OK, QUIET}
    assert {now for at, now in told if 6 <= at.hour < 20} == {QUIET}


def test_shop_of_the_night_that_does_not_open_is_told_that_night() -> None:
    """At the evening of Tuesday; nothing is amiss before."""
    opening = NINTH + DAY + timedelta(hours=20)
    assert timedelta(0) < silent_after(by_night, opening - HOUR) <= timedelta(hours=5)


def test_week_ends_are_no_silence_and_monday_is() -> None:
    weeks = weeks_of(stopping(on_weekdays, NINTH + WEEK - DAY), weeks=9.8, seed=3)
    told = weeks.standings(NINTH)
    silent = [at for at, now in told if now is SILENT]
    assert silent[0] > NINTH + WEEK + timedelta(hours=11)
    assert silent[0] <= NINTH + WEEK + timedelta(hours=13)
    assert {now for at, now in told if at.weekday() == 6} == {QUIET}


def once_a_day(days: int, *, minute: int = 10) -> Weeks:
    """Tell once a day a little after six, and no more after so many days; ten weeks in all."""
    weeks = Weeks(MONDAY, [0] * (10 * 2016))
    for day in range(days):
        at = day * 288 + 6 * 12 + minute // 5 + day % 3
        weeks.counts[at] = 1
    return weeks


def test_source_of_once_a_day_may_be_late_but_not_for_days() -> None:
    """Missing once or twice may be chance with eight weeks to go by; missing three times is not."""
    assert first_silent(once_a_day(70), NINTH) is None
    told = first_silent(once_a_day(58), NINTH)
    assert told is not None
    missing = told - (MONDAY + 57 * DAY + timedelta(hours=6))
    assert timedelta(days=3) <= missing <= timedelta(days=4)


def test_batch_of_the_night_is_no_silence_before_it_comes() -> None:
    """Five hundred at ten to three, and nothing else: every other hour is quiet."""
    weeks = Weeks(MONDAY, [0] * (9 * 2016))
    for day in range(63):
        weeks.counts[day * 288 + 2 * 12 + 10] = 500
    assert alarms(weeks.standings(NINTH)) == 0


def test_merchant_of_some_days_is_not_silent_on_the_others() -> None:
    """Sells on one day of two, at random: gaps of days are usual, and no chance of hours explains them."""
    open_days = {n for n in range(70) if math.sin(n * n) > 0}

    def rate(at: datetime) -> float:
        return 6 if (at - MONDAY) // DAY in open_days and 9 <= at.hour < 19 else 0

    weeks = weeks_of(rate, weeks=10, seed=4)
    assert alarms(weeks.standings(NINTH)) == 0


def holiday(rate: Rate, *days: datetime) -> Rate:
    return lambda at: 0 if any(day <= at < day + DAY for day in days) else rate(at)


def test_holiday_is_told_while_it_lasts_and_blinds_nobody() -> None:
    """Nobody told us that it is one. The next day is as ever, and so is that day a week later."""
    wednesday = NINTH + 2 * DAY
    later = wednesday + WEEK + NOON
    rate = stopping(holiday(busy, wednesday), later)
    told = weeks_of(rate, weeks=10, seed=5).standings(NINTH)
    silent = [at for at, now in told if now is SILENT]
    on_the_day = [at for at in silent if at < later]
    assert wednesday < on_the_day[0] <= wednesday + HOUR
    assert on_the_day[-1] <= wednesday + DAY + HOUR
    assert later < silent[len(on_the_day)] <= later + HOUR


def test_clock_that_is_changed_is_no_silence() -> None:
    """A shop that opens an hour later from one day to the next, as UTC sees it."""

    def rate(at: datetime) -> float:
        opens = 13 if at < NINTH else 14
        return 40 if opens <= at.hour < opens + 9 else 0

    weeks = weeks_of(rate, weeks=10, seed=6)
    assert alarms(weeks.standings(NINTH - DAY)) == 0


def test_too_little_history_is_no_alarm() -> None:
    """Three weeks are needed; a source that stops before is learnt about until they are over."""
    weeks = weeks_of(stopping(busy, MONDAY + 18 * DAY), weeks=2.9, seed=7)
    assert {now for _, now in weeks.standings(MONDAY + SPAN)} == {Standing.LEARNING}


def test_source_that_is_gone_is_told_for_five_weeks() -> None:
    """It is silent all the time; then it is taken for taken away, and nobody is told for ever."""
    weeks = weeks_of(stopping(steady, NINTH), weeks=14, seed=8)
    told = weeks.standings(NINTH + HOUR)
    silent = [at for at, now in told if now is SILENT]
    assert silent == [at for at, _ in told if silent[0] <= at <= silent[-1]]
    assert silent[0] <= NINTH + 3 * HOUR
    assert NINTH + 5 * WEEK - HOUR <= silent[-1] <= NINTH + 5 * WEEK
    assert told[-1][1] is Standing.LEARNING


def test_source_that_comes_back_is_ok_again() -> None:
    rate = holiday(busy, NINTH + DAY)
    told = weeks_of(rate, weeks=8.6, seed=9).standings(NINTH)
    back = NINTH + 2 * DAY
    assert SILENT in {now for at, now in told if at < back}
    assert {now for at, now in told if at > back + HOUR} == {OK}


@pytest.mark.parametrize("rate", [0.02, 0.2, 1, 4, 12, 60, 400], ids="{} an hour".format)
@pytest.mark.slow
def test_chance_alone_raises_no_alarm(rate: float) -> None:
    """Eight weeks of two sources for each rate, judged every five minutes: 225,792 looks in all."""
    told = [
        alarms(weeks_of(lambda _: rate, weeks=12, seed=seed).standings(MONDAY + 4 * WEEK))
        for seed in range(2)
    ]
    assert told == [0] * 2


def test_reasons_are_said_in_words() -> None:
    slots = {hour: Slot(8, 8, 100, 140) for hour in range(168)}
    usual = Usual(8, slots)
    few = judge(usual, Heard(NINTH - SPAN, 12), NINTH)
    assert few.standing is SILENT
    assert few.why == (
        "12 in 60 minutes; at this time of the week even a thin one has 100"
        " (by chance less than 1 in 1,000,000,000)"
    )
    rare = Usual(8, {hour: Slot(8, 7, 0, 1) for hour in range(168)})
    long = judge(rare, Heard(NINTH - 8 * HOUR, 0), NINTH)
    assert long.standing is SILENT
    assert long.why.startswith(
        "nothing for 8 h, at times when something usually comes (by chance 1 in"
    )
    assert judge(rare, Heard(NINTH - 2 * HOUR, 0), NINTH).standing is QUIET
    assert judge(rare, None, NINTH).standing is Standing.NEVER
    young = judge(Usual(2), Heard(NINTH, 1), NINTH)
    assert young.why == "2 weeks seen; judged from 3 weeks on"


def test_gaps_of_its_own_are_no_silence() -> None:
    """The same gap: told of a source that had none like it, and not of one that had."""
    slots = {hour: Slot(8, 7, 0, 1) for hour in range(168)}
    heard = Heard(NINTH - 8 * HOUR, 0)
    assert judge(Usual(8, slots, gap=0), heard, NINTH).standing is SILENT
    assert judge(Usual(8, slots, gap=10), heard, NINTH).standing is QUIET


def test_seldom_heard_source_may_be_missing_for_less_by_chance() -> None:
    """What comes often has more gaps in a week, of which one may be long."""
    gap = Heard(NINTH + 10 * HOUR, 0)
    often = Usual(8, {hour: Slot(8, 6, 0, 1) for hour in range(168)})
    nine = {9 + 24 * day: Slot(8, 8, 0, 1) for day in range(7)}
    assert often.surprise(gap.last_at, gap.last_at + 8 * HOUR) > Usual(8, nine).surprise(
        gap.last_at, gap.last_at + 72 * HOUR
    )
    assert judge(often, gap, gap.last_at + 8 * HOUR).standing is QUIET
    assert judge(Usual(8, nine), gap, gap.last_at + 72 * HOUR).standing is SILENT


def test_hours_beside_are_the_same_time() -> None:
    slots = {hour: Slot(8, 8, low, low) for hour, low in enumerate([50, 60, 70] * 56)}
    usual = Usual(8, slots)
    assert [least(usual, NINTH + n * HOUR) for n in (1, 2, 3, 168)] == [50, 50, 50, 50]
    edge = Usual(8, {**slots, 11: Slot(8, 0, 0, 0)})
    assert [least(edge, NINTH + n * HOUR) for n in (10, 11, 12, 13, 14)] == [50, 0, 0, 0, 50]
