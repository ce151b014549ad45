"""Objects and what was said about them: the statements of the reconciler's batches.

Locks are taken in one order everywhere (objects that are new, by key; those that are known, by key;
then as in `libs.store.together`), so that reconcilers that meet wait for each other instead of
deadlocking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

import asyncpg

from libs.contracts.observation_json import observation_json, observation_of
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.store.database import Connection, execute_rows, fetch_rows
from libs.store.queries import query
from libs.store.together import Writes


class ObjectKey(NamedTuple):
    """What names an object."""

    source: str
    kind: str
    provider_ref: str


@dataclass(slots=True, kw_only=True)  # not frozen: made in half the time, once for each webhook
class StoredObject:
    """An object's row. `state` is None while `sequence` is 0, unless it is held.

    `held`: what the row says is not published until somebody better says it as well; `previous_state`
    is then the state that was published last, and `sequence` that event's. After a backup was
    restored, a row is held too where it says less than was published, or nothing any more.

    `version` says who wrote the row last; nothing of a row that is not to be written.
    """

    id: int
    source: str
    kind: str
    provider_ref: str
    provider: str
    merchant_ref: str | None
    state: str | None
    previous_state: str | None
    provider_status: str | None
    amount: Decimal | None
    currency: str | None
    refunded_amount: Decimal | None
    fees: Decimal | None
    net: Decimal | None
    flags: Sequence[str]
    livemode: bool
    occurred_at: datetime | None
    received_at: datetime | None
    authority: str | None
    delivery_id: str | None
    method: str | None
    failure_reason: str | None
    expires_at: datetime | None
    sequence: int
    attempts: int
    settlement_step: str | None
    decided_by: str | None
    held: bool = False
    version: str | None = field(default=None, compare=False)

    @property
    def key(self) -> ObjectKey:
        """What names it."""
        return ObjectKey(self.source, self.kind, self.provider_ref)

    def blank(self) -> StoredObject:
        """Return the row as it would be if nothing had ever been said; what was published was."""
        blank = unknown_object(self.key, self.provider, self.id)
        blank.sequence, blank.previous_state = self.sequence, self.previous_state
        blank.held = self.held and self.sequence > 0
        return blank


def unknown_object(key: ObjectKey, provider: str, number: int) -> StoredObject:
    """Return the row of an object of which nothing is known."""
    return StoredObject(
        id=number, source=key.source, kind=key.kind, provider_ref=key.provider_ref,
        provider=provider, merchant_ref=None, state=None, previous_state=None,
        provider_status=None, amount=None, currency=None, refunded_amount=None, fees=None, net=None,
        flags=[], livemode=True, occurred_at=None, received_at=None, authority=None,
        delivery_id=None, method=None, failure_reason=None, expires_at=None, sequence=0, attempts=0,
        settlement_step=None, decided_by=None,
    )  # fmt: skip


_COLUMNS = tuple(each.name for each in fields(StoredObject) if each.name != "version")
_values_of = itemgetter(*_COLUMNS)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that waits for the relay."""

    object_id: int
    sequence: int
    routing_key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same observation, told again by another delivery.

    `authority` is read where it is asked for, and written nowhere: the delivery's row has it.
    """

    object_id: int
    key: str
    delivery_id: str
    received_at: datetime
    authority: Authority = field(default=Authority.UNSIGNED, compare=False)


def add_objects(writes: Writes, rows: Iterable[StoredObject]) -> None:
    """Make objects that are new, as they are after what was first said of them.

    Their numbers are those that `batch_on_record` gave. One that another reconciler made meanwhile
    makes the whole stale.
    """
    writes.add("add_objects", [(o.id, *o.key, o.provider, *_said_of(o)) for o in rows], whole=True)


async def make_objects(connection: Connection, wanted: Mapping[ObjectKey, str]) -> None:
    """Make those of the objects (key → provider) that are new, with nothing said of them yet."""
    rows = [(*key, wanted[key]) for key in sorted(wanted)]
    await execute_rows(connection, "ensure_objects", rows)


async def lock_objects(
    connection: Connection, wanted: Iterable[ObjectKey]
) -> dict[ObjectKey, StoredObject]:
    """Lock objects in order of their keys, and return their rows; those that exist."""
    found = map(stored, await fetch_rows(connection, "lock_objects", sorted(wanted)))
    return {each.key: each for each in found}


def _key_of(row: asyncpg.Record) -> ObjectKey:
    return ObjectKey(row["source"], row["kind"], row["provider_ref"])


async def observations_of(
    connection: Connection, object_ids: Sequence[int], *, most: int | None = None
) -> dict[int, dict[str, Observation]]:
    """Return what was said so far about each object, id → key → observation; at most so many."""
    found: dict[int, dict[str, Observation]] = {object_id: {} for object_id in object_ids}
    if object_ids:
        for row in await connection.fetch(query("observations_of"), object_ids, most):
            found[row["object_id"]][row["key"]] = observation_of(row["content"])
    return found


async def observations_named(
    connection: Connection, named: Iterable[tuple[int, str]]
) -> dict[int, dict[str, Observation]]:
    """Return those of the observations (object id, key) that there are."""
    found: dict[int, dict[str, Observation]] = {}
    for row in await fetch_rows(connection, "observations_named", sorted(named)):
        said = found.setdefault(row["object_id"], {})
        said[row["key"]] = observation_of(row["content"])
    return found


def add_observations(writes: Writes, told: Sequence[tuple[int, Observation]]) -> None:
    """Add observations (object id, observation); each key stands once in `told`."""
    rows = [
        (
            object_id,
            o.key,
            o.received_at,
            o.delivery_id,
            observation_json(o).decode(),
        )
        for object_id, o in told
    ]
    writes.add("add_observations", rows)
    aliases = sorted({(alias, object_id) for object_id, o in told for alias in o.aliases})
    writes.add("add_aliases", aliases)


def add_repeats(writes: Writes, repeats: Iterable[Repeat]) -> None:
    """Record observations that were told again."""
    rows = sorted((r.object_id, r.key, r.delivery_id, r.received_at) for r in repeats)
    writes.add("add_repeats", rows)


def update_objects(writes: Writes, changed: Iterable[StoredObject]) -> None:
    """Write the rows of objects of which something was said, also where that moved nothing.

    Each has to be as it was read: so whoever folds an object has seen all that was said of it.
    """
    writes.add("update_objects", [(o.id, o.version, *_said_of(o)) for o in changed], whole=True)


def _said_of(o: StoredObject) -> tuple[object, ...]:
    return (
        o.merchant_ref, o.state, o.previous_state, o.provider_status, o.amount, o.currency,
        o.refunded_amount, o.fees, o.net, ",".join(o.flags), o.livemode, o.occurred_at,
        o.received_at, o.authority, o.delivery_id, o.method, o.failure_reason, o.expires_at,
        o.sequence, o.attempts, o.settlement_step, o.decided_by, o.held,
    )  # fmt: skip


def add_to_outbox(writes: Writes, events: Iterable[OutboxRow]) -> None:
    """Write events for the relay, in order."""
    rows = [(e.object_id, e.sequence, e.routing_key, e.body) for e in events]
    writes.add("add_to_outbox", rows)


def add_traced_to_outbox(writes: Writes, events: Iterable[tuple[OutboxRow, str | None]]) -> None:
    """Do the same, each with the trace context in which it shall leave."""
    rows = [(e.object_id, e.sequence, e.routing_key, e.body, context) for e, context in events]
    writes.add("add_traced_to_outbox", rows)


async def refs_by_merchant_ref(
    connection: Connection, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """Find objects by (source, kind, merchant's reference) → the provider's reference."""
    rows = await fetch_rows(connection, "objects_by_merchant_ref", sorted(set(wanted)))
    return {(row["source"], row["kind"], row["merchant_ref"]): row["provider_ref"] for row in rows}


def stored(row: asyncpg.Record) -> StoredObject:
    """Read a row of the table; columns that are none of the object's are left out.

    asyncpg takes the last moment of the year 9999 for infinity and gives it back without a zone.
    """
    found = StoredObject(**dict(zip(_COLUMNS, _values_of(row), strict=True)))
    if found.delivery_id is not None:
        found.delivery_id = str(found.delivery_id)
    found.occurred_at = _aware(found.occurred_at)
    found.received_at = _aware(found.received_at)
    found.expires_at = _aware(found.expires_at)
    found.version = row.get("version")
    return found


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
