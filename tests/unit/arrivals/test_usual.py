"""What is learnt of weeks: quantiles that one week cannot move, and how surprising a gap is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from libs.arrivals.usual import Slot, Usual, learn
from libs.arrivals.week import HOUR, SPAN, WEEK
from tests.unit.arrivals.weeks import MONDAY

NINE = 9  # Monday, nine o'clock


def at_nine(*counts: int) -> list[tuple[datetime, int]]:
    """Say how many came on each Monday from 09:15 to 09:20."""
    return [
        (MONDAY + n * WEEK + timedelta(hours=9, minutes=15), count)
        for n, count in enumerate(counts)
        if count
    ]


def learnt(
    counted: list[tuple[datetime, int]], weeks: int = 8, *, first: datetime = MONDAY
) -> Usual:
    """Learn from whole weeks, of which the last minute had something as well."""
    until = MONDAY + weeks * WEEK
    return learn(counted, first=first, last=until, until=until)


def test_quantiles_are_of_the_same_hour_of_each_week() -> None:
    usual = learnt(at_nine(10, 20, 30, 40, 50, 60, 70, 80))
    assert usual.slot(NINE).median == 40
    assert usual.slot(NINE).heard == usual.slot(NINE).weeks == usual.weeks == 8
    assert usual.slot(NINE + 1) == Slot(weeks=8, heard=0, low=0, median=0)


def test_one_week_moves_no_low_quantile() -> None:
    """A holiday is none of eight weeks' rule; two are."""
    daily = [(MONDAY + n * SPAN, 5) for n in range(8 * 2016)]

    def without(*holidays: int) -> int:
        days = [MONDAY + week * WEEK for week in holidays]
        kept = [
            (at, count)
            for at, count in daily
            if not any(day <= at < day + timedelta(days=1) for day in days)
        ]
        return learnt(kept).slot(12).low

    assert (without(), without(3), without(3, 5)) == (60, 60, 0)


def test_low_is_of_the_thinnest_sixty_minutes() -> None:
    """What always comes at a quarter past is missing in no sixty minutes but those that begin later."""
    steady = [(MONDAY + n * HOUR + 3 * SPAN, 7) for n in range(8 * 168)]
    assert learnt(steady).slot(12).low == 7
    assert learnt(at_nine(*[7] * 8)).slot(NINE).low == 0


def test_last_eight_weeks_alone_are_learnt_from() -> None:
    usual = learnt(at_nine(*[100] * 4, *[10] * 8), weeks=12)
    assert usual.slot(NINE) == Slot(weeks=8, heard=8, low=0, median=10)


def test_what_was_before_the_first_delivery_is_not_known() -> None:
    usual = learnt(at_nine(0, 0, 0, 5, 5, 5, 5), 7, first=MONDAY + 3 * WEEK)
    assert (usual.weeks, usual.slot(NINE).weeks, usual.slot(NINE).heard) == (4, 4, 4)


def test_what_is_after_the_last_delivery_teaches_nothing() -> None:
    """A silent source stays what it was."""
    counted, first = at_nine(9, 9, 5, 5, 5, 5, 5, 5, 5, 5), MONDAY + timedelta(minutes=1)
    last = MONDAY + 10 * WEEK - HOUR / 2

    def after(weeks: int) -> Usual:
        return learn(counted, first=first, last=last, until=MONDAY + weeks * WEEK)

    assert after(10) == after(13) == after(40)
    assert after(10).slot(NINE) == Slot(8, 8, 0, 5)


@pytest.mark.parametrize("hours", [-5, 0, 167, 3 * 168 - 1])
def test_less_than_three_weeks_teach_nothing(hours: int) -> None:
    until = MONDAY + hours * HOUR
    usual = learn(at_nine(5, 5, 5), first=MONDAY, last=until, until=until)
    assert not usual.known
    assert usual.slots == {}


def test_weeks_without_anything_teach_nothing() -> None:
    assert not learnt([]).known


def test_part_weeks_are_held_against_as_many_as_there_were() -> None:
    """Three weeks and a day: Monday was there four times, Tuesday three times."""
    until = MONDAY + 3 * WEEK + 24 * HOUR
    usual = learn(at_nine(5, 5, 5, 5), first=MONDAY, last=until, until=until)
    assert (usual.weeks, usual.slot(NINE).weeks, usual.slot(NINE + 24).weeks) == (3, 4, 3)


def test_empty_hours_say_as_much_as_they_were_full() -> None:
    """One that was always empty says nothing, one that never was says it will be in one of 25 weeks."""
    never, always = Slot(8, 0, 0, 0), Slot(8, 8, 5, 9)
    half = Slot(8, 4, 0, 1)
    assert never.surprise == 0
    assert always.surprise == pytest.approx(3.22, abs=0.01)
    assert 0 < half.surprise < always.surprise / 4


def test_gap_is_the_sum_of_its_whole_hours() -> None:
    usual = Usual(8, {9: Slot(8, 8, 5, 9), 10: Slot(8, 8, 5, 9)})
    one = usual.slot(9).surprise
    nine = MONDAY + 9 * HOUR
    assert usual.surprise(nine, nine + SPAN * 11) == 0
    assert usual.surprise(nine + SPAN, nine + HOUR) == 0
    assert usual.surprise(nine, nine + HOUR) == one
    assert usual.surprise(nine + SPAN, nine + 2 * HOUR + SPAN) == one
    assert usual.surprise(nine + HOUR, nine) == 0
    assert usual.surprise(nine, nine + 3 * WEEK + HOUR) == pytest.approx(7 * one)


def test_largest_gap_may_have_been_an_outage() -> None:
    """The second largest counts; the hours before the first delivery are none."""
    hours = [n for n in range(8 * 168) if n not in {*range(300, 330), *range(500, 504)}]
    usual = learnt([(MONDAY + n * HOUR, 9) for n in hours if n >= 40])
    expected = sum(usual.slot(n).surprise for n in range(500, 504))
    assert usual.gap == pytest.approx(expected)
    assert expected > 0
