"""When a sale at Conectados is overdue: its query is not published, and a person has to ask."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Schedule

SCHEDULE: Final = Schedule(
    overdue=MappingProxyType({}), default=(timedelta(minutes=30), timedelta(days=1))
)
