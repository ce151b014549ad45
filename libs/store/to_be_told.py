"""Deliveries of our own that are to enter by the front door, until the broker has confirmed each.

They are written together with what they tell of; a broker that is away delays them and loses none.
"""

from __future__ import annotations

from collections.abc import Sequence

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.store.database import Connection, Pool, session, transaction
from libs.store.queries import query

CONTENT_TYPE = "application/json"


async def add_to_be_told(connection: Connection, delivery: Delivery) -> None:
    """Remember to tell; inside a transaction."""
    await connection.execute(query("add_to_be_told"), *_row(delivery))


async def remember_to_tell(pool: Pool, delivery: Delivery) -> None:
    """Do the same by itself."""
    await remember_all(pool, [delivery])


async def remember_all(pool: Pool, deliveries: Sequence[Delivery]) -> None:
    """Do the same for many, all or none."""
    async with transaction(pool) as connection:
        await connection.executemany(query("add_to_be_told"), list(map(_row, deliveries)))


async def still_to_be_told(pool: Pool, most: int) -> list[Delivery]:
    """Return the oldest of what is to be told."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("to_be_told"), most)
    return [
        Delivery(
            id=str(row["delivery_id"]),
            source=row["source"],
            provider=row["provider"],
            body=row["body"],
            received_at=row["received_at"],
            authority=Authority(row["authority"]),
            content_type=CONTENT_TYPE,
            route_event=row["route_event"],
            origin=Origin(row["origin"]),
        )
        for row in rows
    ]


async def note_told(pool: Pool, ids: Sequence[str]) -> None:
    """Take off what the broker has confirmed."""
    async with session(pool) as connection:
        await connection.execute(query("told"), ids)


async def count_to_be_told(pool: Pool) -> int:
    """Return how many deliveries are to be told."""
    async with session(pool) as connection:
        return int(await connection.fetchval(query("count_to_be_told")))


def _row(delivery: Delivery) -> tuple[object, ...]:
    return (
        delivery.id,
        delivery.source,
        delivery.provider,
        delivery.origin.value,
        delivery.authority.value,
        delivery.route_event,
        delivery.body,
        delivery.received_at,
    )
