"""Objects of which so much was said that they wait to be folded by themselves."""

from __future__ import annotations

from collections.abc import Iterable

from libs.store.database import Connection, Pool, session
from libs.store.objects import ObjectKey
from libs.store.queries import query
from libs.store.together import Writes


def note_crowded(writes: Writes, object_ids: Iterable[int]) -> None:
    """Remember to fold objects."""
    writes.add("note_crowded", [(number,) for number in sorted(object_ids)])


async def crowded_objects(pool: Pool) -> list[ObjectKey]:
    """Return objects that wait to be folded, those that wait longest first."""
    async with session(pool) as connection:
        rows = await connection.fetch(query("crowded_objects"))
    return [ObjectKey(*row) for row in rows]


async def forget_crowded(connection: Connection, object_id: int) -> None:
    """Take an object that is locked, and folded now, off the list."""
    await connection.execute(query("forget_crowded"), object_id)
