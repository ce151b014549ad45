"""When Clip is asked. A card decides in minutes; a cash reference is paid within days."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Schedule

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

SCHEDULE: Final = Schedule(
    overdue=MappingProxyType(
        {
            "card": (10 * _MINUTE, 1 * _HOUR, 1 * _DAY),
            "cash": (1 * _DAY, 2 * _DAY, 4 * _DAY),
        }
    ),
    # a link of which no method is known yet lives for hours to days
    default=(15 * _MINUTE, 2 * _HOUR, 1 * _DAY, 4 * _DAY),
    finished=(1 * _DAY,),
)
