"""Raw bodies that do not rest under the newest key: how many there are, and some of them sealed anew.

A row tells by itself under which key it rests. So whoever was interrupted begins anew and finds
done what was done; several at once share the work, each leaving out the rows that another holds; and
what a reconciler writes meanwhile needs nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import asyncpg

from libs.runtime.failpoints import failpoint
from libs.runtime.key_ring import MARK, KeyMissingError, NotOpenedError, name_of
from libs.store.database import Connection, Pool, columns_of, keys_of, session, transaction
from libs.store.queries import query
from libs.store.sealing import opened, seal

ROWS: Final = 500  # in one transaction at most
BYTES: Final = 4 * 1024 * 1024  # the same, unless a single body is larger
COUNT_WITHIN: Final = 3600  # seconds; every row is looked at

Key = tuple[Any, ...]


class Place(StrEnum):
    """Where raw bodies rest in the database."""

    DELIVERIES = "deliveries"
    PARKED = "parked"
    TO_BE_TOLD = "to_be_told"


_NOBODY: Final = UUID(int=0)
_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
# The names of the columns that name a row, and what comes before all of them.
_KEYS: Final[Mapping[Place, tuple[str, ...]]] = MappingProxyType(
    {
        Place.DELIVERIES: ("id", "received_at"),
        Place.PARKED: ("id",),
        Place.TO_BE_TOLD: ("delivery_id",),
    }
)
FIRST: Final[Mapping[Place, Key]] = MappingProxyType(
    {Place.DELIVERIES: (_NOBODY, _LONG_AGO), Place.PARKED: (0,), Place.TO_BE_TOLD: (_NOBODY,)}
)


@dataclass(slots=True)
class Step:
    """What became of some rows. `last` is where to go on; None where nothing came after.

    `unopened` counts by why: the name of the key that is missing, or `altered`. `held` are rows that
    somebody else holds just now.
    """

    last: Key | None = None
    done: int = 0
    held: int = 0
    unopened: Counter[str] = field(default_factory=Counter)


ALTERED: Final = "altered"


async def resting(pool: Pool) -> dict[Place, Counter[str]]:
    """Count the raw bodies in each place by the name of their key; unsealed ones are `plain`."""
    found: dict[Place, Counter[str]] = {}
    for place in Place:
        async with session(pool) as connection:
            rows = await connection.fetch(query(f"{place}_by_head"), MARK, timeout=COUNT_WITHIN)
        found[place] = Counter()
        for row in rows:
            found[place][name_of(row["head"])] += row["count"]
    return found


async def rekey_some(pool: Pool, place: Place, after: Key) -> Step:
    """Seal anew the next rows after this one, in one transaction. The pool has the keys."""
    async with transaction(pool) as connection:
        await connection.execute(query("lock_for_rekey"))
        head = keys_of(connection).head
        listed = await connection.fetch(query(f"next_{place}_to_rekey"), *after, head, ROWS)
        if not listed:
            return Step()
        wanted = [tuple(row[name] for name in _KEYS[place]) for row in _within(listed)]
        take = f"take_{place}_to_rekey"
        rows = await connection.fetch(query(take), *columns_of(take, wanted), head)
        step = Step(last=wanted[-1], held=len(wanted) - len(rows))
        await _seal_anew(connection, place, rows, step)
        failpoint("archive.rekeyed")
    return step


def _within(listed: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    """Return the first of them that fit into `BYTES`, and at least one."""
    size = 0
    some: list[asyncpg.Record] = []
    for row in listed:
        size += row["size"]
        if some and size > BYTES:
            break
        some.append(row)
    return some


async def _seal_anew(
    connection: Connection, place: Place, rows: Sequence[asyncpg.Record], step: Step
) -> None:
    keys, named = keys_of(connection), _KEYS[place]
    anew: list[tuple[Any, ...]] = []
    for row in rows:
        delivery_id = row["delivery_id"]
        try:
            body = opened(keys, delivery_id, row["body"])
        except KeyMissingError:
            step.unopened[name_of(row["body"])] += 1
        except NotOpenedError:
            step.unopened[ALTERED] += 1
        else:
            anew.append((*(row[name] for name in named), seal(keys, delivery_id, body)))
    if anew:
        write = f"rekey_{place}"
        await connection.execute(query(write), *columns_of(write, anew))
        step.done = len(anew)
