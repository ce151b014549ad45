"""What Caudal says to Postgres for batches of webhooks, caught as it says it.

Each batch is filed (`libs.store.archive`) and applied (`services.reconciler`) by the very functions
that the reconciler runs, over a connection that notes every statement and its arguments. What the
relay does with the outbox afterwards is not among it. One thing is taken out: that rows have to be
as they were read. Who wrote them last is another one when the same is said again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from asyncpg.connection import LoggedQuery

from bench.limits.room import Room
from bench.limits.webhooks import deliveries, outcomes
from libs.contracts.delivery import Delivery
from libs.store.archive import file_deliveries
from libs.store.queries import named, parts_of
from services.reconciler.apply import apply

_CONTROL: Final = ("BEGIN", "COMMIT")
_AS_READ: Final = "o.xmin::text = n.version"


@dataclass(frozen=True, slots=True)
class Call:
    """One statement as it was sent, with its arguments."""

    statement: str
    arguments: tuple[Any, ...] = ()


Batch = tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Captured:
    """What each client says, batch by batch; `webhooks` is how many a batch is about."""

    webhooks: int
    clients: tuple[tuple[Batch, ...], ...]

    @property
    def batches(self) -> int:
        """How many batches each client has."""
        return len(self.clients[0])


async def capture(where: Room, *, batches: int, webhooks: int, seed: int = 1) -> Captured:
    """Catch `batches` of `webhooks` for every client; their rows stay in the room.

    Each client has webhooks of its own, so that no two wait for the same object.
    """
    caught = []
    for client in range(where.clients):
        received = deliveries(seed, f"limits-{client}", batches * webhooks)
        caught.append(tuple([each async for each in _said(where, received, webhooks)]))
    return Captured(webhooks, tuple(caught))


async def _said(where: Room, received: Sequence[Delivery], webhooks: int) -> AsyncIterator[Batch]:
    log: list[LoggedQuery] = []

    async def watch(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        connection.add_query_logger(log.append)

    pool = asyncpg.create_pool(
        where.dsn,
        min_size=1,
        max_size=1,
        init=watch,
    )
    async with pool:
        for start in range(0, len(received), webhooks):
            some = received[start : start + webhooks]
            await file_deliveries(pool, some)
            await apply(pool, outcomes(some))
            await asyncio.sleep(0)  # what is logged last is noted in the loop's next turn
            yield tuple(transactions([Call(each.query, tuple(each.args)) for each in log]))
            log.clear()


def transactions(said: Sequence[Call]) -> Iterator[Call]:
    """Leave out a pool's words between transactions, and the library's questions about types."""
    for call in said:
        if call.statement.strip(" ;\n").upper() in _CONTROL or _is_ours(call.statement):
            yield Call(call.statement.replace(_AS_READ, "true"), call.arguments)


def _is_ours(statement: str) -> bool:
    return named(statement) is not None or parts_of(statement) is not None
