"""The chore that tells how the outbox stands, and how much is parked, out of the database.

Every reconciler tells the same. What is parked is counted once a minute: it may be much.
"""

from __future__ import annotations

import asyncio
from typing import Final

from libs.bus.standing import standing_of
from libs.contracts.readings import ParkReason
from libs.runtime.queue_metrics import OUTBOX, QUEUE_OLDEST
from libs.runtime.stage_metrics import PARKED
from libs.store.database import Pool
from libs.store.standing import outbox_standing, parked_by_reason

PARKED_EVERY: Final = 12  # looks at the outbox
COUNTED: Final = 100_000  # events of the outbox at most


class Figures:
    """Looks, and sets the metrics."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._standing = standing_of(OUTBOX, aged=False)
        self._looks = 0
        self._head: int | None = None  # the event that was next at the last look

    async def run(self) -> None:
        """Look once. Raises `TemporaryError` where the database does not answer."""
        outbox = await outbox_standing(self._pool, COUNTED)
        moved = outbox.head != self._head
        self._head = outbox.head
        # one relay publishes at a time, so the others add nothing to its rate
        now = asyncio.get_running_loop().time()
        self._standing.looked(now, outbox.waiting, consumers=1, moved=moved)
        QUEUE_OLDEST.labels(OUTBOX).set(outbox.age)
        if self._looks % PARKED_EVERY == 0:
            counts = await parked_by_reason(self._pool)
            for reason in ParkReason:
                PARKED.labels(reason.value).set(counts.get(reason.value, 0))
        self._looks += 1
