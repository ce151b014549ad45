"""What was received after the backup, out of the copy of the deliveries: translated and applied once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import structlog

from libs.bus.isolation import isolate
from libs.bus.message import Message
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.contracts.errors import ContractError
from libs.contracts.webhook_translated import Translated
from libs.runtime.failures import TemporaryError, reason_of, where
from libs.store.database import Pool, session
from libs.store.on_record import batch_on_record
from services.normalizer.translate import Translator, failure
from services.reconciler.apply import apply, park_failed

PORTION: Final = 200  # deliveries in one transaction

log = structlog.get_logger()


class Gap:
    """Takes messages of the copy, and applies what the database does not know.

    What it knows stays as it is: to go through all of the copy is safe, and so is to do it again.
    """

    def __init__(
        self,
        pool: Pool,
        translator: Translator,
        holds: Collection[str],
        until: datetime,
        *,
        dry_run: bool,
    ) -> None:
        self._pool = pool
        self._translator = translator
        self._holds = holds
        self._until = until
        self._dry_run = dry_run
        self.looked_at = 0
        self.missing = 0
        self.failed = 0
        self.unreadable = 0

    async def take(self, messages: Sequence[Message]) -> bool:
        """Apply what is missing; False when what comes is younger than the beginning of all this."""
        deliveries: list[Delivery] = []
        for message in messages:
            try:
                deliveries += webhook_received.decode(message.body)
            except ContractError:
                self.unreadable += 1
        self.looked_at += len(deliveries)
        received = [each.received_at for each in deliveries]
        for start in range(0, len(deliveries), PORTION):
            await self._apply(deliveries[start : start + PORTION])
        return not received or min(received) < self._until

    async def _apply(self, deliveries: Sequence[Delivery]) -> None:
        named = sorted({(d.id, d.received_at, d.source) for d in deliveries})
        async with session(self._pool) as connection:
            told = (await batch_on_record(connection, named, (), (), most=0)).told
        new = {each.id: each for each in deliveries if each.id not in told}
        self.missing += len(new)
        if self._dry_run or not new:
            return
        outcomes = [self._outcome(each) for each in new.values()]

        async def do(some: Sequence[Translated]) -> None:
            await apply(self._pool, some, self._holds)

        for failed in await isolate(outcomes, do):
            if isinstance(failed.error, TemporaryError):
                raise failed.error
            self.failed += 1
            reason = reason_of(failed.error)
            await park_failed(self._pool, failed.item, reason=reason, attempts=1)

    def _outcome(self, delivery: Delivery) -> Translated:
        try:
            return self._translator.outcome_of(delivery)
        except Exception as error:  # noqa: BLE001 - as at a normalizer, after its last attempt
            log.error("delivery_not_translated", delivery_id=delivery.id, at=where(error))  # noqa: TRY400
            self.failed += 1
            return failure(delivery, reason_of(error), 1)
