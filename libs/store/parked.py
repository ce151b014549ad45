"""What was put aside, as operators handle it: by delivery or in groups, replayed or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from libs.contracts.delivery import Delivery, Origin
from libs.contracts.observation_json import observation_json
from libs.domain.lifecycle import Authority
from libs.runtime.key_ring import KeyRing, NotOpenedError
from libs.store.archive import Unopened, readable
from libs.store.database import (
    Connection,
    Pool,
    execute_rows,
    fetch_rows,
    keys_of,
    session,
    transaction,
)
from libs.store.outcomes import Parked
from libs.store.queries import query
from libs.store.sealing import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which parked readings are meant; None is any. An empty `value` means those without one.

    `delivery_ids` takes the discarded ones of these deliveries too, where `discarded` is None.
    """

    source: str | None = None
    provider: str | None = None
    reason: str | None = None
    field: str | None = None
    value: str | None = None
    delivery_ids: Sequence[str] | None = None
    discarded: bool | None = False

    @property
    def everything(self) -> bool:
        """Whether nothing narrows it down."""
        return all(
            one is None
            for one in (
                self.source, self.provider, self.reason, self.field, self.value, self.delivery_ids
            )
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        """Return what narrows it down, for the record."""
        named = {
            "source": self.source,
            "provider": self.provider,
            "reason": self.reason,
            "field": self.field,
            "value": self.value,
            "deliveries": None if self.delivery_ids is None else list(self.delivery_ids),
        }
        return {name: value for name, value in named.items() if value is not None} or {"all": True}

    def arguments(self) -> tuple[object, ...]:
        """Return the first seven parameters of the queries that choose."""
        return (
            self.source,
            self.provider,
            self.reason,
            self.field,
            self.value,
            self.delivery_ids,
            self.discarded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedGroup:
    """Parked readings of one provider with the same reason, field and value.

    `first_seen` and `last_seen` are times of receipt; `sample` is the delivery received last.
    """

    provider: str
    field: str | None
    value: str | None
    reason: str
    count: int
    first_seen: datetime
    last_seen: datetime
    sample: str


class Kept(NamedTuple):
    """A delivery of which something is parked."""

    delivery_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table, as far as a replacement has to know it. `reading` is JSON that waits."""

    id: int
    delivery_id: str
    ordinal: int
    origin: str
    reason: str
    field: str | None
    value: str | None
    reading: str | None
    parked_at: datetime
    replays: int


async def parked_groups(pool: Pool, choice: Choice) -> list[ParkedGroup]:
    """Return the groups, largest first."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("parked_groups"), *choice.arguments())
    return [ParkedGroup(**{**dict(row.items()), "sample": str(row["sample"])}) for row in rows]


async def parked_deliveries(pool: Pool, choice: Choice) -> list[Kept]:
    """Return the deliveries of which something that is meant is parked, in order of receipt."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("parked_deliveries"), *choice.arguments())
    return [Kept(str(row["delivery_id"]), row["received_at"]) for row in rows]


async def discard(pool: Pool, choice: Choice, reason: str) -> int:
    """Take readings off the list, for a reason that stays on record; return how many."""
    async with transaction(pool) as connection:
        return await discard_in(connection, choice, reason)


async def discard_in(connection: Connection, choice: Choice, reason: str) -> int:
    """Do the same inside a transaction that does more."""
    rows = await connection.fetch(query("discard_parked"), *choice.arguments(), reason)
    return len(rows)


async def bodies_of(
    pool: Pool, kept: Sequence[Kept]
) -> tuple[dict[str, Delivery], dict[str, Unopened]]:
    """Return deliveries by id: from the archive, else as the copy that was parked with a reading.

    The copy does not tell who vouched for it: it is taken for unsigned. What is in neither is left
    out. Return also, by id, those of which no body can be opened.
    """
    async with session(pool) as connection:
        keys = keys_of(connection)
        filed, shut = readable(await fetch_rows(connection, "deliveries_by_key", kept), keys)
        found, unopened = {d.id: d for d in filed}, {each.id: each for each in shut}
        missing = [each.delivery_id for each in kept if each.delivery_id not in found]
        for row in await connection.fetch(query("parked_copies"), missing) if missing else []:
            try:
                copy = _copy(row, keys)
            except NotOpenedError as error:
                number = str(row["delivery_id"])
                unopened.setdefault(number, Unopened(number, row["received_at"], str(error)))
            else:
                found[copy.id] = copy
                unopened.pop(copy.id, None)
    return found, unopened


def _copy(row: asyncpg.Record, keys: KeyRing) -> Delivery:
    return Delivery(
        id=str(row["delivery_id"]),
        source=row["source"],
        provider=row["provider"],
        body=opened(keys, row["delivery_id"], row["body"]),
        received_at=row["received_at"],
        authority=Authority.UNSIGNED,
        origin=Origin(row["origin"]),
    )


async def lock_parked(connection: Connection, delivery_ids: Sequence[str]) -> list[Row]:
    """Lock what is parked of these deliveries, in one order everywhere, before any object."""
    if not delivery_ids:
        return []
    rows = await connection.fetch(query("lock_parked"), sorted(set(delivery_ids)))
    return [parked_row(row) for row in rows]


def parked_row(row: asyncpg.Record) -> Row:
    """Read a row of the table as far as `Row` goes."""
    values: dict[str, Any] = dict(row.items())
    return Row(**{**values, "delivery_id": str(values["delivery_id"])})


async def park_again(
    connection: Connection, still: Sequence[Parked], before: Sequence[Row]
) -> None:
    """Park what a replay could not translate, with the history of what it replaces.

    The rows in `before` are gone by now. `before` may be empty: it parks something new.
    """
    histories: dict[str, Row] = {}
    for row in before:
        known = histories.get(row.delivery_id, row)
        histories[row.delivery_id] = replace(
            row,
            parked_at=min(known.parked_at, row.parked_at),
            replays=max(known.replays, row.replays),
        )
    rows = [
        _again(parked, histories.get(parked.outcome.evidence))
        for parked in sorted(still, key=lambda p: (p.outcome.evidence, p.ordinal))
    ]
    await execute_rows(connection, "park_again", rows)


def _again(parked: Parked, history: Row | None) -> tuple[Any, ...]:
    outcome, why = parked.outcome, parked.why
    waiting = parked.waiting
    return (
        outcome.evidence,
        parked.ordinal,
        outcome.source,
        outcome.provider,
        history.origin if history else outcome.origin.value,
        why.reason.value,
        why.field,
        why.value,
        why.detail,
        outcome.received_at,
        outcome.body,
        None if waiting is None else observation_json(waiting).decode(),
        history.parked_at if history else None,
        why.attempts,
        history.replays + 1 if history else 1,
    )
