"""Deliveries of our own that are to enter by the front door, until the broker has confirmed each.

They are written together with what they tell of; a broker that is away delays them and loses none.
One that tells of a call which is under way is held back: what becomes of the call takes it out, or
lets it go. Where nobody lives to do so, it goes by itself in the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.runtime.key_ring import KeyRing, NotOpenedError
from libs.store.archive import Unopened
from libs.store.database import Connection, Pool, keys_of, session, transaction
from libs.store.queries import query
from libs.store.sealing import opened, seal

CONTENT_TYPE = "application/json"
# Whoever holds this lock tells; the others have their turn later, so that nothing is told twice.
_TELLING_LOCK: Final = 0x0CA0DA7


class Turn:
    """The right to tell, for the length of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def due(
        self, most: int, but: Collection[str] = ()
    ) -> tuple[list[Delivery], list[Unopened]]:
        """Return the oldest of what is to be told now, `but` those that were in the way before.

        What cannot be opened comes apart, and nothing is left in its way.
        """
        rows = await self._connection.fetch(query("to_be_told"), most, list(but))
        keys = keys_of(self._connection)
        found: list[Delivery] = []
        unopened: list[Unopened] = []
        for row in rows:
            try:
                found.append(_delivery(row, keys))
            except NotOpenedError as error:
                number = str(row["delivery_id"])
                unopened.append(Unopened(number, row["received_at"], str(error)))
        return found, unopened

    async def note_told(self, ids: Sequence[str]) -> None:
        """Take off what the broker has confirmed."""
        await self._connection.execute(query("told"), ids)


@asynccontextmanager
async def telling_turn(pool: Pool) -> AsyncIterator[Turn | None]:
    """Take the turn to tell; None where somebody else has it."""
    async with transaction(pool) as connection:
        taken = await connection.fetchval(query("take_telling"), _TELLING_LOCK)
        yield Turn(connection) if taken else None


async def add_to_be_told(
    connection: Connection, delivery: Delivery, *, after: datetime | None = None
) -> None:
    """Remember to tell, held back until `after`; inside a transaction."""
    row = _row(delivery, after, keys_of(connection))
    await connection.execute(query("add_to_be_told"), *row)


async def remember_to_tell(pool: Pool, delivery: Delivery) -> None:
    """Do the same by itself, at once."""
    await remember_all(pool, [delivery])


async def remember_all(pool: Pool, deliveries: Sequence[Delivery]) -> None:
    """Do the same for many, all or none."""
    async with transaction(pool) as connection:
        rows = [_row(each, None, keys_of(connection)) for each in deliveries]
        await connection.executemany(query("add_to_be_told"), rows)


async def hold_back(pool: Pool, delivery: Delivery, until: datetime) -> None:
    """Remember to tell, unless something else becomes of it before `until`."""
    async with transaction(pool) as connection:
        await add_to_be_told(connection, delivery, after=until)


async def tell_instead(pool: Pool, held: str, delivery: Delivery | None) -> None:
    """Take out what was held back, and remember to tell something else, or nothing."""
    async with transaction(pool) as connection:
        await connection.execute(query("told"), [held])
        if delivery is not None:
            await add_to_be_told(connection, delivery)


async def withdraw(
    pool: Pool, source: str, route_event: str, about: Callable[[bytes], bool]
) -> None:
    """Take out what waits to be told and has such a body; what is held back or was told stays."""
    async with transaction(pool) as connection:
        rows = await connection.fetch(query("waiting_to_be_told"), source, route_event)
        keys = keys_of(connection)
        ids = [
            row["delivery_id"]
            for row in rows
            if about(opened(keys, row["delivery_id"], row["body"]))
        ]
        await connection.execute(query("told"), ids)


async def let_go(pool: Pool, held: str) -> None:
    """Hold it back no longer."""
    async with transaction(pool) as connection:
        await connection.execute(query("tell_now"), held)


async def count_to_be_told(pool: Pool) -> int:
    """Return how many deliveries are to be told now."""
    async with session(pool) as connection:
        return int(await connection.fetchval(query("count_to_be_told")))


def _delivery(row: asyncpg.Record, keys: KeyRing) -> Delivery:
    return Delivery(
        id=str(row["delivery_id"]),
        source=row["source"],
        provider=row["provider"],
        body=opened(keys, row["delivery_id"], row["body"]),
        received_at=row["received_at"],
        authority=Authority(row["authority"]),
        content_type=CONTENT_TYPE,
        route_event=row["route_event"],
        origin=Origin(row["origin"]),
    )


def _row(delivery: Delivery, after: datetime | None, keys: KeyRing) -> tuple[object, ...]:
    return (
        delivery.id,
        delivery.source,
        delivery.provider,
        delivery.origin.value,
        delivery.authority.value,
        delivery.route_event,
        seal(keys, delivery.id, delivery.body),
        delivery.received_at,
        after,
    )
