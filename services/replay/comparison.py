"""What archived deliveries say with today's mappings, beside what stands under them."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from libs.contracts.delivery import Delivery
from libs.contracts.webhook_translated import Translated
from libs.runtime.failures import where
from libs.store.database import Connection
from services.normalizer.translate import Translator
from services.reconciler.standing import Compared, beside_standing

log = structlog.get_logger()


async def compare(
    connection: Connection, translator: Translator, deliveries: Sequence[Delivery]
) -> tuple[list[Compared], list[str]]:
    """Compare each delivery; also return the ids of those on which today's code fails.

    Where it fails nothing is corrected: what stands is the better knowledge.
    """
    outcomes: list[Translated] = []
    failed: list[str] = []
    for delivery in deliveries:
        try:
            outcomes.append(translator.outcome_of(delivery))
        except Exception as error:  # noqa: BLE001 - a bug is reported with the delivery, the others go on
            log.error("translation_failed", delivery_id=delivery.id, at=where(error))  # noqa: TRY400
            failed.append(delivery.id)
    return await beside_standing(connection, outcomes), failed
