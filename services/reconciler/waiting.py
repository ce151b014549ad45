"""Observations that came before the object they name by the merchant's reference.

They are parked as `object_not_found`. Once the object is known they are taken out of the parked
ones and folded in, in one transaction.
"""

from __future__ import annotations

from dataclasses import replace

from libs.contracts.webhook_translated import OBSERVATION
from libs.domain.observation import Observation
from libs.store.database import Pool, transaction
from libs.store.objects import ObjectKey
from libs.store.outcomes import found_after_waiting, unpark
from services.reconciler.apply import fold_in


async def fold_in_waiting(pool: Pool) -> int:
    """Fold in what found its object, and return how many observations that was."""
    async with transaction(pool) as connection:
        found = await found_after_waiting(connection)
        if not found:
            return 0
        by_object: dict[ObjectKey, list[Observation]] = {}
        providers: dict[ObjectKey, str] = {}
        for waiting in found:
            said = OBSERVATION.validate_json(waiting.reading)
            key = ObjectKey(waiting.source, said.kind.value, waiting.provider_ref)
            providers[key] = waiting.provider
            by_object.setdefault(key, []).append(replace(said, provider_ref=waiting.provider_ref))
        await fold_in(connection, by_object, providers)
        await unpark(connection, [waiting.id for waiting in found])
        return len(found)
