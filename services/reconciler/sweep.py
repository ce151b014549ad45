"""The sweep: what is on file and was never translated is published again to be translated.

Its queue was deleted, or a message got lost where no promise reaches. The archive has the exact
bytes; translating them again is harmless wherever the first time is only late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import RECEIVED, WEBHOOKS
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.runtime.failures import TemporaryError
from libs.runtime.metrics import SWEPT
from libs.store.database import Pool
from libs.store.sweep import sweep_round

ROUND: Final = 64  # deliveries, of up to 1 MiB, which are here all at once
# Seconds before the mark that are looked at again: a little every time, for transactions that were
# committed late, and much now and then, for a database whose clock was an hour behind.
LOOK_BACK: Final = 300
LOOK_FAR_BACK: Final = 7800
FAR_EVERY: Final = 20  # rounds
MESSAGE_BYTES: Final = 1024 * 1024
LONG_BACKLOG: Final = 100  # messages: with more of them waiting, late is not lost

log = structlog.get_logger()


class Sweep:
    """`after` is how many seconds a delivery is on file before it counts as lost.

    `backlog` tells how many messages wait to be translated and folded.
    """

    def __init__(
        self,
        pool: Pool,
        publisher: Publisher,
        backlog: Callable[[], Awaitable[int]],
        *,
        after: float,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._backlog = backlog
        self._after = after
        self._rounds = 0

    async def run(self) -> None:
        """Sweep until nothing is left to be swept now."""
        while await self.once() == ROUND:
            continue

    async def once(self) -> int:
        """Publish up to `ROUND` lost deliveries again, and return how many were looked at.

        One that cannot be opened is tried again as late as one that is still not translated.
        """
        if await self._backlog() > LONG_BACKLOG:
            return 0
        look_back = LOOK_BACK if self._rounds % FAR_EVERY else LOOK_FAR_BACK
        self._rounds += 1
        async with sweep_round(self._pool) as turn:
            if turn is None:
                return 0
            lost, unopened = await turn.lost(self._after, ROUND, look_back)
            for some in _messages(lost):
                await self._publish(some)
            await turn.note([*lost, *unopened])
        if unopened:
            count, first = len(unopened), unopened[0]
            log.error("deliveries_not_opened", count=count, first=first.id, why=first.why)
        if not lost:
            return len(unopened)
        log.warning("untranslated_deliveries_swept", count=len(lost), first=lost[0].id)
        SWEPT.inc(len(lost))
        return len(lost) + len(unopened)

    async def _publish(self, deliveries: Sequence[Delivery]) -> None:
        """Send them to be translated, and not to be filed: they are on file."""
        outcome = await self._publisher.publish(
            WEBHOOKS,
            RECEIVED,
            webhook_received.encode(deliveries),
            content_type=webhook_received.CONTENT_TYPE,
        )
        if outcome is not Outcome.CONFIRMED:
            raise TemporaryError(f"swept deliveries were not confirmed: {outcome}")


def _messages(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Cut into messages of at most `MESSAGE_BYTES`, but at least one delivery."""
    messages: list[list[Delivery]] = []
    room = 0
    for delivery in deliveries:
        room -= len(delivery.body)
        if not messages or room < 0:
            messages.append([])
            room = MESSAGE_BYTES - len(delivery.body)
        messages[-1].append(delivery)
    return messages
