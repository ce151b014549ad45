"""The outbox: events that were committed with their change and wait to be published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.database import TEMPORARY, Connection, Pool, begun_with, healing, session
from libs.store.queries import query

# Whoever holds this lock relays; the others wait for their turn, so that events of one object
# leave in order however many reconcilers run.
_RELAY_LOCK: Final = 0x0CA0DA2
_LOOK_EVERY: Final = timedelta(milliseconds=200)
AWAY_WITHIN: Final = 10  # seconds for a relay to end its turn


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
    """The right to relay, for the length of one transaction, or that another relay has it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next_events(self, limit: int, *, traced: bool = False) -> list[WaitingEvent] | None:
        """Return the oldest events, in order; `traced` ones with the context that they came from.

        None where another relay has the turn.
        """
        name = "next_traced_events" if traced else "next_events"
        rows = await self._connection.fetch(query(name), limit)
        if not rows[0]["mine"]:
            return None
        return [
            WaitingEvent(number, object_id, sequence, routing_key, body, traceparent)
            for _, number, object_id, sequence, routing_key, body, traceparent in rows
            if number is not None
        ]

    async def forget(self, events: Sequence[WaitingEvent]) -> None:
        """Remove what was confirmed."""
        await self._connection.execute(query("forget_events"), [event.id for event in events])


async def events_wait(pool: Pool) -> bool:
    """Whether there is an event at all, told or not by who made it: a third of what a turn costs."""
    async with session(pool) as connection:
        return bool(await connection.fetchval(query("events_wait")))


@asynccontextmanager
async def relay_turn(pool: Pool) -> AsyncIterator[Turn]:
    """Take the turn to relay where it is free, which the first look at the events tells."""
    async with begun_with(pool, "take_relay", _RELAY_LOCK) as connection:
        yield Turn(connection)


class RelayAway:
    """That no relay has its turn, as long as the session lasts that says so."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def make_sure(self) -> None:
        """Raise `TemporaryError` where that session, and the right with it, is gone."""
        async with healing():
            if not await self._connection.fetchval(query("relay_is_away"), _RELAY_LOCK):
                raise TemporaryError("a relay may have begun; call it again")


@asynccontextmanager
async def relay_away(pool: Pool, within: float = AWAY_WITHIN) -> AsyncIterator[RelayAway]:
    """Keep every relay from its turn; `PermanentError` where one has it all the time."""
    async with session(pool) as connection:
        until = monotonic() + within
        while not await connection.fetchval(query("keep_relay_away"), _RELAY_LOCK):
            if monotonic() > until:
                raise PermanentError("a reconciler still publishes events: stop the reconcilers")
            await asyncio.sleep(_LOOK_EVERY.total_seconds())
        try:
            yield RelayAway(connection)
        finally:
            with suppress(*TEMPORARY):
                await connection.execute(query("let_relay"), _RELAY_LOCK)
