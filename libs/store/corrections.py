"""What stands under deliveries, and how it is replaced when they are translated again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from libs.contracts.delivery import Delivery
from libs.contracts.observation_json import observation_of
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.runtime.key_ring import NotOpenedError
from libs.store.archive import Unopened, delivery_of
from libs.store.database import Connection, Pool, execute_rows, fetch_rows, healing, keys_of
from libs.store.objects import ObjectKey, Repeat, StoredObject, stored
from libs.store.parked import Row, parked_row
from libs.store.queries import query
from libs.store.sealing import opened
from libs.store.together import Writes

_PORTION: Final = 100  # deliveries, of up to 1 MiB


class Archived(NamedTuple):
    """A row of `archived_between`: a delivery, and what stands under it as JSON.

    Said are `[source, kind, provider_ref, key, observation]`, repeated the same without the last.
    Nothing of it is taken apart yet: it may be another process that does. The body is opened: the
    keys stay in this one.
    """

    id: str
    received_at: datetime
    source: str
    provider: str
    origin: str
    authority: str
    content_type: str
    headers: str
    route_event: str | None
    traceparent: str | None
    body: bytes
    said: str | None
    repeated: str | None
    parked: bool

    @property
    def delivery(self) -> Delivery:
        """The delivery, which is no replay."""
        return delivery_of(self._asdict() | {"replay_of": None}, self.body)


class Place(NamedTuple):
    """Where an observation stands: its object and its key."""

    of: ObjectKey
    key: str


@dataclass(slots=True)
class Standing:
    """What stands under one delivery: what it said first, what it repeated, what is parked."""

    said: dict[Place, Observation] = field(default_factory=dict)
    repeated: set[Place] = field(default_factory=set)
    parked: list[Row] = field(default_factory=list)


@asynccontextmanager
async def read_only(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction that sees one moment and can change nothing."""
    async with (
        healing(),
        pool.acquire(timeout=10) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def archived_between(
    connection: Connection,
    since: datetime,
    until: datetime,
    sources: Sequence[str],
    on_unopened: Callable[[Unopened], None],
) -> AsyncIterator[list[Archived]]:
    """Give archived deliveries in portions, in no order; without sources those of all.

    Those whose bodies cannot be opened are left out, and told to `on_unopened`.
    """
    keys = keys_of(connection)
    rows = await connection.cursor(query("archived_between"), since, until, list(sources) or None)
    while some := await rows.fetch(_PORTION):
        portion = []
        for row in some:
            try:
                body = opened(keys, row["id"], row["body"])
            except NotOpenedError as error:
                on_unopened(Unopened(row["id"], row["received_at"], str(error)))
            else:
                portion.append(Archived(*row)._replace(body=body))
        yield portion


async def standing_of(connection: Connection, delivery_ids: Sequence[str]) -> dict[str, Standing]:
    """Return what stands under each delivery."""
    found: dict[str, Standing] = defaultdict(Standing)
    for row in await connection.fetch(query("said_by"), delivery_ids):
        place = Place(ObjectKey(row["source"], row["kind"], row["provider_ref"]), row["key"])
        said = observation_of(row["content"])
        found[str(row["delivery_id"])].said[place] = said
    for row in await connection.fetch(query("repeated_by"), delivery_ids):
        place = Place(ObjectKey(row["source"], row["kind"], row["provider_ref"]), row["key"])
        found[str(row["delivery_id"])].repeated.add(place)
    for row in await connection.fetch(query("parked_by"), delivery_ids):
        found[str(row["delivery_id"])].parked.append(parked_row(row))
    return found


async def objects_by_key(
    connection: Connection, keys: Iterable[ObjectKey]
) -> dict[ObjectKey, StoredObject]:
    """Return those of the objects that exist, unlocked."""
    rows = await fetch_rows(connection, "objects_by_key", sorted(set(keys)))
    return {each.key: each for each in map(stored, rows)}


async def repeats_of(
    connection: Connection, object_ids: Sequence[int]
) -> dict[int, dict[str, list[Repeat]]]:
    """Return what was told again about each object: id → key → repeats."""
    found: dict[int, dict[str, list[Repeat]]] = {number: {} for number in object_ids}
    for row in await connection.fetch(query("repeats_of"), object_ids):
        repeat = Repeat(
            row["object_id"],
            row["key"],
            str(row["delivery_id"]),
            row["received_at"],
            # one that is not on file any more proves nothing any more
            Authority(row["authority"] or Authority.UNSIGNED),
        )
        found[repeat.object_id].setdefault(repeat.key, []).append(repeat)
    return found


async def remove_told(
    connection: Connection, gone: Iterable[tuple[int, str]], aliases_of: Iterable[int]
) -> None:
    """Remove observations (object id, key) with their repeats, and other names of objects."""
    rows = sorted(gone)
    await execute_rows(connection, "remove_observations", rows)
    await execute_rows(connection, "remove_repeats", rows)
    await connection.execute(query("remove_aliases"), sorted(aliases_of))


def add_names(writes: Writes, names: Mapping[int, Sequence[str]]) -> None:
    """Add other names to objects (id → names)."""
    rows = sorted({(name, number) for number, found in names.items() for name in found})
    writes.add("add_aliases", rows)
