"""When Safe2Pay is asked: Pix and cards in minutes, a boleto (paid, then cleared) in days."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Schedule

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_AT_ONCE: Final = (5 * _MINUTE, 30 * _MINUTE, 1 * _DAY)

SCHEDULE: Final = Schedule(
    overdue=MappingProxyType(
        {
            "pix": _AT_ONCE,
            "credit_card": _AT_ONCE,
            "debit_card": _AT_ONCE,
            "credit_card_present": _AT_ONCE,
            "boleto": (1 * _DAY, 3 * _DAY, 7 * _DAY),
        }
    ),
    default=(15 * _MINUTE, 2 * _HOUR, 1 * _DAY, 3 * _DAY),
    finished=(1 * _DAY,),
)
