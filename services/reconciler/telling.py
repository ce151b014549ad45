"""What is to be told of calls of ours enters through the front door, like everybody's deliveries.

A command tells at once what it did; the chore tells what is left: the broker was away, or the command
did not live to see to it. One tells at a time (the turn is a lock in the database), and what was
confirmed is removed in the transaction that took the turn; what a crash leaves is told again with the
same id, which adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome
from libs.contracts import webhook_received
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import TO_BE_TOLD
from libs.store.database import Pool
from libs.store.to_be_told import count_to_be_told, telling_turn

PORTION: Final = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """How many were told, and whether that was all. `busy`: somebody else has the turn."""

    count: int
    all: bool
    busy: bool = False


async def tell(pool: Pool, publisher: Publishing) -> Told:
    """Bring in what is to be told, oldest first, until the broker takes no more."""
    count = 0
    while True:
        async with telling_turn(pool) as turn:
            if turn is None:
                return Told(count, all=False, busy=True)
            deliveries = await turn.due(PORTION)
            if not deliveries:
                return Told(count, all=True)
            outcome = await deliver(publisher, webhook_received.encode(deliveries))
            if outcome is not Outcome.CONFIRMED:
                return Told(count, all=False)
            await turn.note_told([each.id for each in deliveries])
        count += len(deliveries)


class Telling:
    """The chore. Every reconciler tells the same number of those that wait, out of the database."""

    def __init__(self, pool: Pool, publisher: Publishing) -> None:
        self._pool = pool
        self._publisher = publisher

    async def run(self) -> None:
        """Tell what is due. Raises `TemporaryError` where the broker does not take it."""
        done = await tell(self._pool, self._publisher)
        TO_BE_TOLD.set(await count_to_be_told(self._pool))
        if done.count:
            log.info("own_deliveries_told", count=done.count)
        if not done.all and not done.busy:
            raise TemporaryError("own deliveries were not confirmed")
