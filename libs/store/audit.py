"""What a run of the simulator left in the database: read in whole sets, never row by row."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from libs.runtime.key_ring import MARK
from libs.store.database import Pool, fetch_rows, keys_of, session, transaction
from libs.store.objects import ObjectKey, StoredObject, stored
from libs.store.queries import query
from libs.store.sealing import opened

_PREFETCH: Final = 1000  # rows


@dataclass(frozen=True, slots=True)
class Filed:
    """One delivery of the archive; `digest` is the SHA-256 of its raw body as it is there now.

    `outcome` is None where nothing has become of it. `parked` has the reason of each parked reading,
    `observations` counts what stands under its id.
    """

    id: str
    source: str
    origin: str
    digest: bytes
    outcome: str | None
    parked: tuple[str, ...]
    observations: int


@dataclass(frozen=True, slots=True)
class AuditedObject:
    """One object, the number of its observations, and of their repeats.

    `polled` of the observations came from asking its provider, `reported` from a report or an
    operator.
    """

    row: StoredObject
    observations: int
    repeats: int
    polled: int = 0
    reported: int = 0

    @property
    def from_webhooks(self) -> int:
        """The observations that nobody asked for."""
        return self.observations - self.polled - self.reported


async def filed_with_mark(pool: Pool, mark: bytes, since: datetime) -> AsyncIterator[Filed]:
    """Give every delivery received since then whose body has the mark in it.

    Raises `NotOpenedError` where a body cannot be opened: it may be one of them.
    """
    async with transaction(pool) as connection:
        keys = keys_of(connection)
        rows = connection.cursor(query("filed_with_mark"), mark, since, MARK, prefetch=_PREFETCH)
        async for row in rows:
            body = opened(keys, row["id"], row["body"])
            if mark not in body:
                continue
            yield Filed(
                id=str(row["id"]),
                source=row["source"],
                origin=row["origin"],
                digest=hashlib.sha256(body).digest(),
                outcome=row["outcome"],
                parked=tuple(row["parked"]),
                observations=row["observations"],
            )


async def named_objects(pool: Pool, keys: Iterable[ObjectKey]) -> list[AuditedObject]:
    """Return those of the objects that exist; hand over some thousand keys at a time."""
    async with session(pool) as connection:
        rows = await fetch_rows(connection, "named_objects", list(keys))
    return [
        AuditedObject(
            stored(row), row["observations"], row["repeats"], row["polled"], row["reported"]
        )
        for row in rows
    ]
