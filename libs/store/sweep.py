"""Deliveries on file of which nobody ever said what they mean: found, and noted when swept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from libs.contracts.delivery import Delivery
from libs.store.archive import Unopened, readable
from libs.store.database import Connection, Pool, execute_rows, keys_of, transaction
from libs.store.queries import query

_SWEEP_LOCK: Final = 0x0CA0DA4
FIRST_LOOK_WITHIN: Final = 600  # seconds; the first sweep of an old archive reads all of it


class Lost(NamedTuple):
    """What was never translated; of some nobody can say what it is until their key is there."""

    deliveries: list[Delivery]
    unopened: list[Unopened]


class Round:
    """The right to sweep, for the length of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lost(self, after: float, limit: int, look_back: float) -> Lost:
        """Return deliveries on file for longer than `after` seconds without a translation.

        What earlier rounds have seen is looked at again if it is younger than `look_back` seconds.

        Those that were swept before come last, and only after a while.
        """
        await self._connection.execute(query("forget_translated"))
        rows = await self._connection.fetch(
            query("never_translated"), after, limit, look_back, timeout=FIRST_LOOK_WITHIN
        )
        if len(rows) < limit:
            await self._connection.execute(query("move_sweep_mark"), after)
            room = limit - len(rows)
            rows = [*rows, *await self._connection.fetch(query("still_untranslated"), room)]
        return Lost(*readable(rows, keys_of(self._connection)))

    async def note(self, deliveries: Sequence[Delivery | Unopened]) -> None:
        """Remember that these were published again now, or tried."""
        rows = sorted({(delivery.id, delivery.received_at) for delivery in deliveries})
        await execute_rows(self._connection, "note_swept", rows)


@asynccontextmanager
async def sweep_round(pool: Pool) -> AsyncIterator[Round | None]:
    """Take the turn to sweep; None where another reconciler has it."""
    async with transaction(pool) as connection:
        taken = await connection.fetchval(query("take_sweep"), _SWEEP_LOCK)
        yield Round(connection) if taken else None
