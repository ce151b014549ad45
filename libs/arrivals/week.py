"""The grid on which arrivals are counted: five minutes, hours, and hours of the week, all in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SPAN: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)
WEEK: Final = timedelta(weeks=1)
SPANS: Final = 12  # of an hour
HOURS: Final = 168  # of a week
# What is usual is what the last eight weeks had. More would remember a shop as it was long ago, fewer
# could not tell a holiday from the rule.
WEEKS: Final = 8
# Whoever was not heard of for so long is not missed any more: it was taken away, and nobody said so.
MISSED_WEEKS: Final = 5

_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)


def span_of(at: datetime) -> datetime:
    """Return the beginning of the five minutes in which a moment lies."""
    return at - (at - _BEGAN) % SPAN


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour (UTC) in which a moment lies."""
    return at - (at - _BEGAN) % HOUR


def next_hour(at: datetime) -> datetime:
    """Return the first beginning of an hour that is not before a moment."""
    return at + (_BEGAN - at) % HOUR


def hour_of_week(at: datetime) -> int:
    """Return 0 for Monday from 00:00 to 01:00 UTC, up to 167."""
    told = at.astimezone(UTC)
    return told.weekday() * 24 + told.hour
