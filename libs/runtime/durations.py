"""Spans of time as they are written in a file: `90s`, `15m`, `2h`, `3d`, or a number of seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BeforeValidator

_WRITTEN: Final = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)(ms|s|m|h|d)")
_UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "ms": timedelta(milliseconds=1),
        "s": timedelta(seconds=1),
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
    }
)
LONGEST: Final = timedelta(days=3650)


def duration(value: object) -> timedelta:
    """Read a span longer than nothing, or raise `ValueError`."""
    found: timedelta | None = None
    if isinstance(value, timedelta):
        found = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = timedelta(seconds=value) if 0 < value < LONGEST.total_seconds() else None
    elif isinstance(value, str) and (written := _WRITTEN.fullmatch(value.strip())):
        found = float(written[1]) * _UNITS[written[2]]
    if found is None or not timedelta() < found <= LONGEST:
        raise ValueError('must be a span of time such as "90s", "15m", "2h" or "3d"')
    return found


Duration = Annotated[timedelta, BeforeValidator(duration)]
