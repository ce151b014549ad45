"""What a restored database has to be told: up to when it knows, and what was published since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from libs.store.database import Connection, Pool, fetch_rows, session
from libs.store.queries import query

# Hours, so that an index tells quickly: most databases are restored within the first.
_BACK: Final = (2, 48, 24 * 31, 24 * 3660)
_LOOK_WITHIN: Final = 600  # seconds


async def filed_last(pool: Pool) -> datetime | None:
    """Return when something came on file for the last time; None for an empty archive."""
    async with session(pool) as connection:
        for hours in _BACK:
            at: datetime | None = await connection.fetchval(
                query("filed_last"), hours, timeout=_LOOK_WITHIN
            )
            if at is not None:
                return at
    return None


async def forget_events_of(connection: Connection, object_ids: Sequence[int]) -> int:
    """Take what waits in the outbox about these objects out of it; return how many events."""
    return len(await connection.fetch(query("forget_events_of"), list(object_ids)))


async def told_and_not_known(
    connection: Connection, named: Sequence[tuple[int, UUID, bool]]
) -> set[int]:
    """Return those of the objects of which not all is known that was told.

    Given are the deliveries that events named (object's id, delivery, whether it was the last event).
    """
    rows = await fetch_rows(connection, "told_and_not_known", named)
    return {row["object_id"] for row in rows}
