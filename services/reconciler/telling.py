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
from libs.store.archive import Unopened
from libs.store.database import Pool
from libs.store.to_be_told import count_to_be_told, telling_turn

PORTION: Final = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """How many were told, and whether that was all. `busy`: somebody else has the turn.

    `unopened` are those whose bodies cannot be opened here: they stay, and stop no other.
    """

    count: int
    all: bool
    busy: bool = False
    unopened: tuple[Unopened, ...] = ()


async def tell(pool: Pool, publisher: Publishing) -> Told:
    """Bring in what is to be told, oldest first, until the broker takes no more."""
    count = 0
    shut: dict[str, Unopened] = {}
    while True:
        async with telling_turn(pool) as turn:
            if turn is None:
                return Told(count, all=False, busy=True)
            deliveries, unopened = await turn.due(PORTION, but=shut)
            shut |= {each.id: each for each in unopened}
            if not deliveries:
                if unopened:
                    continue
                return Told(count, all=True, unopened=tuple(shut.values()))
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
        self._unopened: tuple[Unopened, ...] = ()

    async def run(self) -> None:
        """Tell what is due. Raises `TemporaryError` where the broker does not take it."""
        if not await count_to_be_told(self._pool):  # a fourth of what a turn costs
            TO_BE_TOLD.set(0)
            self._unopened = ()
            return
        done = await tell(self._pool, self._publisher)
        TO_BE_TOLD.set(await count_to_be_told(self._pool))
        if done.unopened and done.unopened != self._unopened:
            count, first = len(done.unopened), done.unopened[0]
            log.error("own_deliveries_not_opened", count=count, first=first.id, why=first.why)
        self._unopened = done.unopened
        if done.count:
            log.info("own_deliveries_told", count=done.count)
        if not done.all and not done.busy:
            raise TemporaryError("own deliveries were not confirmed")
