"""The dates of a payee: `YYYY/MM/DD` by PayU's table of fields, `YYYY-MM-DD` in its examples.

Both are sent as they were told. Today is Colombia's, where the payee's document was issued.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

COLOMBIA: Final = timezone(timedelta(hours=-5))  # without daylight saving since 1993
_DATE: Final = re.compile(r"([0-9]{4})([/-])([0-9]{2})\2([0-9]{2})")


def read_date(text: str) -> date | None:
    """Return the date, or None where it is none."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None


def in_calendar(moment: datetime | None) -> datetime | None:
    """Return a moment that UTC's calendar has too, as it is; without a zone it is Colombia's."""
    try:
        if moment is not None:
            moment.replace(tzinfo=moment.tzinfo or COLOMBIA).astimezone(UTC)
    except OverflowError:  # in the first or the last hours of the years that there are
        return None
    return moment


def today() -> date:
    """Return the day that it is in Colombia."""
    return datetime.now(COLOMBIA).date()


def is_date(text: str) -> bool:
    """Whether it is a date in one of both forms."""
    return read_date(text) is not None


def is_not_ahead(text: str) -> bool:
    """Whether it is no date after today; what is no date is not ahead either."""
    found = read_date(text)
    return found is None or found <= today()
