"""How much waits in the database: events in the outbox, and what is parked."""

from __future__ import annotations

from dataclasses import dataclass

from libs.store.database import Pool, session
from libs.store.queries import query


@dataclass(frozen=True, slots=True)
class OutboxStanding:
    """How many events wait, which is next (None: none), and for how many seconds it has waited."""

    waiting: int
    head: int | None
    age: int


async def outbox_standing(pool: Pool, most: int) -> OutboxStanding:
    """Look at the outbox; more than `most` events are not counted."""
    async with session(pool) as connection:
        row = await connection.fetchrow(query("outbox_standing"), most)
    if row is None:
        raise LookupError("a count has one row")
    return OutboxStanding(row["waiting"], row["head"], row["age"])


async def parked_by_reason(pool: Pool) -> dict[str, int]:
    """Return how many readings are parked and not discarded, by the reason."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("parked_by_reason"))
    return {row["reason"]: row["count"] for row in rows}
