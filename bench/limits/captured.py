"""What Caudal says to Postgres for batches of webhooks, caught as it says it.

Each batch is filed (`libs.store.archive`) and applied (`services.reconciler`) by the very functions
that the reconciler runs, over a connection that notes every statement and its arguments. What the
relay does with the outbox afterwards is not among it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from asyncpg.connection import LoggedQuery

from bench.limits.room import NUMBERS, SEQUENCE, Room
from bench.limits.webhooks import deliveries, outcomes
from libs.contracts.delivery import Delivery
from libs.store.archive import file_deliveries
from libs.store.queries import named
from services.reconciler.apply import apply

_BEGIN: Final = "BEGIN"
_COMMIT: Final = "COMMIT"
_CONTROL: Final = (_BEGIN, _COMMIT)


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
        caught.append(tuple([each async for each in _said(where, client, received, webhooks)]))
    return Captured(webhooks, tuple(caught))


async def _said(
    where: Room, client: int, received: Sequence[Delivery], webhooks: int
) -> AsyncIterator[Batch]:
    log: list[LoggedQuery] = []

    async def watch(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        connection.add_query_logger(log.append)

    pool = asyncpg.create_pool(
        where.dsn,
        min_size=1,
        max_size=1,
        init=watch,
        server_settings={NUMBERS: f"{SEQUENCE}{client}"},
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
    inside = False
    for call in said:
        word = call.statement.strip(" ;\n").upper()
        inside = inside or word == _BEGIN
        if inside and (word in _CONTROL or named(call.statement) is not None):
            yield call
        inside = inside and word != _COMMIT
