"""The providers that can be asked, and when each is; those without a client a person has to ask."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Client, Schedule
from libs.providers.clip import client as clip
from libs.providers.clip import schedule as clip_schedule
from libs.providers.conectados import schedule as conectados_schedule
from libs.providers.mobbex import client as mobbex
from libs.providers.mobbex import schedule as mobbex_schedule
from libs.providers.payu import schedule as payu_schedule
from libs.providers.safe2pay import client as safe2pay
from libs.providers.safe2pay import schedule as safe2pay_schedule

CLIENTS: Final[Mapping[str, Client]] = MappingProxyType(
    {"clip": clip.CLIENT, "mobbex": mobbex.CLIENT, "safe2pay": safe2pay.CLIENT}
)
SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType(
    {
        "clip": clip_schedule.SCHEDULE,
        "conectados": conectados_schedule.SCHEDULE,
        "mobbex": mobbex_schedule.SCHEDULE,
        "payu": payu_schedule.SCHEDULE,
        "safe2pay": safe2pay_schedule.SCHEDULE,
    }
)
