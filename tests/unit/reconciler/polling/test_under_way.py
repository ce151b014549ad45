"""How many calls are under way is told as it is, not as it was between two rounds."""

from __future__ import annotations

from typing import cast

from libs.bus.front_door import Publishing
from libs.runtime.metrics import REGISTRY
from libs.runtime.sources import Sources
from libs.store.database import Pool
from services.reconciler.polling.access import Access
from services.reconciler.polling.poller import Poller


def under_way() -> float | None:
    return REGISTRY.get_sample_value("caudal_polls_under_way", {"provider": "mobbex"})


async def test_calls_are_told_while_they_are_under_way() -> None:
    for _ in range(2):  # polling that begins anew has a budget of its own
        access = Access(Sources({}))
        Poller("mobbex", cast("Pool", None), cast("Publishing", None), access, by="r1")
        budget = access.lines["mobbex"].budget
        assert under_way() == 0
        async with budget.turn(), budget.turn():
            assert under_way() == 2
        assert under_way() == 0
