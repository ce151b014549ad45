"""When a payout of PayU is overdue: nobody can be asked, and a person looks into the report.

What reaches the bank after 16:20 goes on the next working day, and the bank answers the same evening
or one day later. Public holidays are not known here: on those a payout is listed a day early.
"""

from __future__ import annotations

from datetime import time, timedelta
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Banking, Schedule

SCHEDULE: Final = Schedule(
    overdue=MappingProxyType({}),
    default=(timedelta(days=1), timedelta(days=3)),
    banking=Banking(zone="America/Bogota", cut_off=time(16, 20)),
)
