"""The grid of five minutes and hours, in UTC whatever the clock on the wall says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from libs.arrivals.week import hour_of, hour_of_week, next_hour, span_of
from tests.unit.arrivals.weeks import MONDAY


def test_moments_fall_into_their_span_and_hour() -> None:
    at = MONDAY + timedelta(hours=9, minutes=44, seconds=59, microseconds=999_999)
    assert span_of(at) == MONDAY + timedelta(hours=9, minutes=40)
    assert hour_of(at) == MONDAY + timedelta(hours=9)
    assert next_hour(at) == MONDAY + timedelta(hours=10)


def test_whole_hours_stay_where_they_are() -> None:
    assert span_of(MONDAY) == hour_of(MONDAY) == next_hour(MONDAY) == MONDAY


def test_week_begins_on_monday_in_utc() -> None:
    last = MONDAY - timedelta(microseconds=1)
    in_bogota = MONDAY.astimezone(timezone(timedelta(hours=-5)))
    assert (hour_of_week(MONDAY), hour_of_week(last), hour_of_week(in_bogota)) == (0, 167, 0)


def test_half_hours_of_other_zones_are_no_hours() -> None:
    half = datetime(2026, 1, 5, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert hour_of(half) == MONDAY
