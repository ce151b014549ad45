"""Reading what is stored, for operators: objects with their observations, and the parked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from libs.contracts.observation_json import OBSERVATION
from libs.domain.observation import Observation
from libs.runtime.key_ring import KeyRing, NotOpenedError
from libs.store.database import Pool, keys_of, session
from libs.store.objects import StoredObject, stored
from libs.store.queries import query
from libs.store.sealing import opened


@dataclass(frozen=True, slots=True)
class ParkedReading:
    """One parked reading. `body` is the raw body where it was asked for and is kept.

    `unopened` says why, where it cannot be opened.
    """

    id: int
    delivery_id: str
    ordinal: int
    source: str
    provider: str
    origin: str
    reason: str
    field: str | None
    value: str | None
    detail: str
    received_at: datetime
    parked_at: datetime
    attempts: int = 1
    replays: int = 0
    replayed_at: datetime | None = None
    discarded_at: datetime | None = None
    discard_reason: str | None = None
    body: bytes | None = None
    unopened: str | None = None


@dataclass(frozen=True, slots=True)
class Poked:
    """A standing request to ask the provider about one object."""

    source: str
    kind: str
    provider_ref: str
    provider: str
    why: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Repeated:
    """An observation that was told again."""

    key: str
    delivery_id: str
    received_at: datetime


async def list_objects(  # noqa: PLR0913 - each one is a filter
    pool: Pool,
    *,
    source: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    provider: str | None = None,
    limit: int | None = None,
) -> list[StoredObject]:
    """Return objects in the order in which they became known; all of them without a limit."""
    rows = await _fetch(pool, "list_objects", source, kind, state, provider, limit)
    return [stored(row) for row in rows]


async def find_objects(
    pool: Pool, ref: str, *, source: str | None = None, kind: str | None = None
) -> list[StoredObject]:
    """Find objects by the provider's reference, the merchant's, or another name of theirs."""
    return [stored(row) for row in await _fetch(pool, "find_objects", ref, source, kind)]


async def told_about(pool: Pool, object_id: int) -> list[Observation]:
    """Return every observation of an object."""
    rows = await _fetch(pool, "object_observations", object_id)
    return [OBSERVATION.validate_json(row["content"]) for row in rows]


async def told_again(pool: Pool, object_id: int) -> list[Repeated]:
    """Return the repeats of an object's observations."""
    rows = await _fetch(pool, "object_repeats", object_id)
    return [Repeated(row["key"], str(row["delivery_id"]), row["received_at"]) for row in rows]


async def list_parked(  # noqa: PLR0913 - each one is a filter
    pool: Pool,
    *,
    source: str | None = None,
    provider: str | None = None,
    reason: str | None = None,
    discarded: bool = False,
    limit: int | None = None,
) -> list[ParkedReading]:
    """Return what is parked, or what was discarded, oldest first; all of it without a limit."""
    rows = await _fetch(pool, "list_parked", source, provider, reason, discarded, limit)
    return [_parked(row) for row in rows]


async def parked_of(pool: Pool, delivery_id: str) -> list[ParkedReading]:
    """Return what was parked of one delivery, with the raw body."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("parked_of_delivery"), delivery_id)
        keys = keys_of(connection)
    return [_with_body(row, keys) for row in rows]


async def pokes_of(pool: Pool, ref: str, *, source: str | None = None) -> list[Poked]:
    """Return the requests to ask a provider about an object."""
    return [Poked(**dict(row.items())) for row in await _fetch(pool, "pokes_of", ref, source)]


async def counts(pool: Pool) -> dict[str, int]:
    """Return the number of rows of each table."""
    (row,) = await _fetch(pool, "counts")
    return dict(row.items())


async def _fetch(pool: Pool, name: str, *arguments: object) -> Sequence[asyncpg.Record]:
    async with session(pool) as connection:
        rows: Sequence[asyncpg.Record] = await connection.fetch(query(name), *arguments)
        return rows


def _with_body(row: asyncpg.Record, keys: KeyRing) -> ParkedReading:
    reading = _parked(row)
    if reading.body is None:
        return reading
    try:
        return replace(reading, body=opened(keys, reading.delivery_id, reading.body))
    except NotOpenedError as error:
        return replace(reading, body=None, unopened=str(error))


def _parked(row: asyncpg.Record) -> ParkedReading:
    values: dict[str, Any] = dict(row.items())
    values["delivery_id"] = str(values["delivery_id"])
    return ParkedReading(**values)
