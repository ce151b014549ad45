"""The outbox: events that were committed with their change and wait to be published."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from libs.store.database import Connection, Pool, transaction
from libs.store.queries import query

# Whoever holds this lock relays; the others wait for their turn, so that events of one object
# leave in order however many reconcilers run.
_RELAY_LOCK: Final = 0x0CA0DA2


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """One event that was not confirmed yet.

    `traceparent` is the context of the fold that made it, where somebody told of that and it was asked for.
    """

    id: int
    object_id: int
    sequence: int
    routing_key: str
    body: bytes
    traceparent: str | None = None


class Turn:
    """The right to relay, for the length of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next_events(self, limit: int, *, traced: bool = False) -> list[WaitingEvent]:
        """Return the oldest events, in order; `traced` ones with the context that they came from."""
        name = "next_traced_events" if traced else "next_events"
        rows = await self._connection.fetch(query(name), limit)
        return [WaitingEvent(**dict(row.items())) for row in rows]

    async def forget(self, events: Sequence[WaitingEvent]) -> None:
        """Remove what was confirmed."""
        await self._connection.execute(query("forget_events"), [event.id for event in events])


@asynccontextmanager
async def relay_turn(pool: Pool) -> AsyncIterator[Turn | None]:
    """Take the turn to relay; None where another relay has it."""
    async with transaction(pool) as connection:
        taken = await connection.fetchval(query("take_relay"), _RELAY_LOCK)
        yield Turn(connection) if taken else None
