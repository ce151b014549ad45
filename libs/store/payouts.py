"""Payouts that were asked for: on record before they are sent, and what became of each.

    recorded ─► unknown ─► succeeded | failed        unknown: from before the first byte leaves
        └──────────┴─────► resolved                  by an operator, or by the provider's report

A failed one without `sent_at` has not left this process. An order belongs to one request: whoever
writes one down holds the lock of the source, and looks first. Nothing personal is kept, see the
migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from libs.contracts.delivery import Delivery
from libs.store.database import Connection, Pool, execute_rows, session, transaction
from libs.store.payout_request import (
    AskedPayout,
    RequestState,
    Resolution,
    Resolver,
    Settled,
)
from libs.store.queries import query
from libs.store.to_be_told import add_to_be_told

# The same within it is a mistake, unless somebody says otherwise.
LATELY: Final = timedelta(hours=24)


class InTheWayError(Exception):
    """The same was asked for before, and nobody knows what became of it."""

    def __init__(self, requests: Sequence[AskedPayout]) -> None:
        super().__init__("the same was asked for before, and it is unknown what became of it")
        self.requests = tuple(requests)


class DoneLatelyError(Exception):
    """The same was asked for within `LATELY`, and PayU took it."""

    def __init__(self, requests: Sequence[AskedPayout]) -> None:
        super().__init__("the same was asked for before, and was taken")
        self.requests = tuple(requests)


class OrderTakenError(Exception):
    """The order belongs to another request, whose id is `request`."""

    def __init__(self, order: str, request: str) -> None:
        super().__init__(f"{order} is the payout of another request, {request}")
        self.request = request


class _NotAllError(Exception):
    """Undoes a transaction."""


async def record(
    pool: Pool, requests: Sequence[AskedPayout], *, again: bool = False
) -> list[AskedPayout]:
    """Put a batch on record, or return what is on record under the name of the batch already.

    A batch of which nothing was sent leaves its name to the next. Raises `InTheWayError` where one of
    the requests was asked for before and is neither known nor resolved, and `DoneLatelyError` where
    one was taken lately, unless it is meant to be paid `again`. Where the key of the digests has
    changed since, one that looks the same counts as the same.
    """
    first = requests[0]
    async with transaction(pool) as connection:
        await connection.execute(query("lock_payout_requests"), first.source)
        known = await _listed(connection, first.source, None, first.batch, first.environment)
        if known and not all(each.unsent for each in known):
            return known
        if known:
            aside = f"{first.batch} (not sent, {known[0].id})"
            await connection.execute(
                query("free_payout_batch"), first.source, first.batch, aside, first.environment
            )
        if standing := await _same(connection, "open_payout_requests", requests):
            raise InTheWayError(standing)
        since = first.created_at - LATELY
        if not again and (done := await _same(connection, "done_payout_requests", requests, since)):
            raise DoneLatelyError(done)
        await execute_rows(connection, "add_payout_requests", [_row(each) for each in requests])
    return []


async def mark_sent(pool: Pool, ids: Sequence[str], now: datetime) -> bool:
    """Mark a batch as unknown, which it is from now on; False where not all of it may be sent.

    Somebody may have resolved a part of it as not sent meanwhile; then nothing is marked.
    """
    with suppress(_NotAllError):
        async with transaction(pool) as connection:
            rows = await connection.fetch(query("send_payout_requests"), ids, now)
            if len(rows) < len(ids):
                raise _NotAllError
        return True
    return False


async def settle(
    pool: Pool, source: str, settled: Sequence[Settled], now: datetime
) -> list[Settled]:
    """Put on record what became of a batch, and what is to be told of it, in one transaction.

    Returns those whose order belongs to another request: they stay as they are. So does a request
    that was resolved meanwhile, unless it succeeded.
    """
    taken: list[Settled] = []
    async with transaction(pool) as connection:
        await connection.execute(query("lock_payout_requests"), source)
        for each in settled:
            if await _owner(connection, source, each.payment_order_id, each.id) is not None:
                taken.append(each)
                continue
            await connection.execute(
                query("settle_payout_request"),
                each.id,
                each.state.value,
                each.payment_order_id,
                list(each.failures),
                now,
                None if each.told is None else each.told.id,
                each.sent,
            )
            if each.told is not None:
                await add_to_be_told(connection, each.told)
    return taken


async def resolve(  # noqa: PLR0913 - what is put on record
    pool: Pool,
    request: AskedPayout,
    *,
    payment_order_id: str | None,
    by: Resolver,
    reason: str,
    now: datetime,
    told: Delivery | None,
) -> AskedPayout | None:
    """Resolve a request as sent (with the order's id) or not sent; None where it is not open.

    Raises `OrderTakenError` where the order is that of another request.
    """
    resolution = Resolution.NOT_SENT if payment_order_id is None else Resolution.SENT
    async with transaction(pool) as connection:
        await connection.execute(query("lock_payout_requests"), request.source)
        owner = await _owner(connection, request.source, payment_order_id, request.id)
        if owner is not None:
            raise OrderTakenError(payment_order_id or "", owner)
        row = await connection.fetchrow(
            query("resolve_payout_request"),
            request.id,
            resolution.value,
            payment_order_id,
            by.value,
            reason,
            now,
            None if told is None else told.id,
        )
        if row is not None and told is not None:
            await add_to_be_told(connection, told)
    return None if row is None else _request(row)


async def requests_on_record(
    pool: Pool,
    *,
    source: str | None = None,
    states: Sequence[RequestState] | None = None,
    environment: str | None = None,
) -> list[AskedPayout]:
    """Return requests, oldest first; with an environment those that may be of it."""
    async with session(pool) as connection:
        return await _listed(connection, source, states, None, environment)


async def these_on_record(pool: Pool, ids: Sequence[str]) -> list[AskedPayout]:
    """Return the requests of these ids, oldest first."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("payout_requests_by_id"), ids)
    return [_request(row) for row in rows]


async def request_on_record(pool: Pool, request_id: str) -> AskedPayout | None:
    """Return one."""
    async with session(pool) as connection:
        row = await connection.fetchrow(query("payout_request"), request_id)
    return None if row is None else _request(row)


async def orders_on_record(pool: Pool, source: str, ids: Sequence[str]) -> set[str]:
    """Return those of these orders that belong to a request already."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("payment_orders_known"), source, ids)
    return {row["payment_order_id"] for row in rows}


async def seen_before(pool: Pool, source: str, ids: Sequence[str], moment: datetime) -> set[str]:
    """Return those of these payouts that were known here before a moment, by any of their names."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("payouts_seen_before"), source, ids, moment)
    return {row["provider_ref"] for row in rows}


async def _owner(
    connection: Connection, source: str, order: str | None, request: str
) -> str | None:
    """Return the other request that has the order, if there is one."""
    if order is None:
        return None
    rows = await connection.fetch(query("payment_orders_known"), source, [order])
    return next((str(row["id"]) for row in rows if str(row["id"]) != request), None)


async def _same(
    connection: Connection, name: str, requests: Sequence[AskedPayout], *more: datetime
) -> list[AskedPayout]:
    """Return what is the same as one of the requests among those that a query looks at."""
    first = requests[0]
    digests = [each.digest for each in requests]
    of = (first.source, digests, first.key_name, first.environment)
    rows = await connection.fetch(query(name), *of, *more)
    return [
        old
        for old in map(_request, rows)
        if old.key_name == first.key_name or any(map(old.looks_like, requests))
    ]


async def _listed(
    connection: Connection,
    source: str | None,
    states: Sequence[RequestState] | None,
    batch: str | None,
    environment: str | None,
) -> list[AskedPayout]:
    names = None if states is None else [state.value for state in states]
    rows = await connection.fetch(query("list_payout_requests"), source, names, batch, environment)
    return [_request(row) for row in rows]


def _row(request: AskedPayout) -> tuple[Any, ...]:
    return (
        request.id,
        request.source,
        request.batch,
        request.item,
        request.value,
        request.currency,
        request.description,
        request.bank_account_id,
        request.digest,
        request.key_name,
        request.created_at,
        request.environment,
    )


_FIELDS = tuple(field.name for field in fields(AskedPayout))


def _request(row: asyncpg.Record) -> AskedPayout:
    told: dict[str, Any] = {name: row[name] for name in _FIELDS}
    return AskedPayout(
        **told
        | {
            "id": str(row["id"]),
            "state": RequestState(row["state"]),
            "failures": tuple(row["failures"]),
            "delivery_id": None if row["delivery_id"] is None else str(row["delivery_id"]),
            "resolution": row["resolution"] and Resolution(row["resolution"]),
            "resolved_by": row["resolved_by"] and Resolver(row["resolved_by"]),
        }
    )
