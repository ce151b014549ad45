"""When Mobbex is asked. An order waits for 60 minutes by default; a cash coupon for days."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Schedule

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

SCHEDULE: Final = Schedule(
    overdue=MappingProxyType(
        {
            "card": (10 * _MINUTE, 70 * _MINUTE, 1 * _DAY),
            "cash": (1 * _DAY, 3 * _DAY, 7 * _DAY),
        }
    ),
    default=(15 * _MINUTE, 70 * _MINUTE, 1 * _DAY, 3 * _DAY),
    finished=(1 * _DAY,),
)
