"""Applying a batch as the reconciler does when there is one attempt only."""

from __future__ import annotations

from collections.abc import Sequence

from libs.bus.isolation import isolate
from libs.contracts.webhook_translated import Translated
from libs.runtime.failures import reason_of
from libs.store.database import Pool
from services.reconciler.applied import Applied
from services.reconciler.apply import apply, park_failed


async def apply_or_park(pool: Pool, outcomes: Sequence[Translated]) -> Applied:
    """Apply what can be applied and park the rest."""
    total = Applied()

    async def do(some: Sequence[Translated]) -> None:
        total.add(await apply(pool, some))

    for failed in await isolate(outcomes, do):
        await park_failed(pool, failed.item, reason=reason_of(failed.error), attempts=1)
        total.add(Applied(outcomes=1, parked=1))
    return total
