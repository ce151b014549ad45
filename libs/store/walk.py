"""The walk over the objects, which puts on the list those that are not settled; one at a time walks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from libs.store.database import Connection, Pool, execute_rows, transaction
from libs.store.objects import StoredObject, stored
from libs.store.polls import Looked
from libs.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An object that the walk comes by; `now` is what time it is for the database."""

    row: StoredObject
    created_at: datetime
    updated_at: datetime
    now: datetime


class Walk:
    """The right to walk over the objects, for the length of one transaction."""

    def __init__(self, connection: Connection, mark: str, upto: int) -> None:
        self._connection = connection
        self._mark = mark
        self._upto = upto

    async def objects(self, limit: int) -> list[Passed]:
        """Return the next objects, by their numbers."""
        rows = await self._connection.fetch(query("walk_objects"), self._upto, limit)
        return [
            Passed(
                row=stored(row),
                created_at=row["created_at"],
                updated_at=row["updated_at"],
                now=row["now"],
            )
            for row in rows
        ]

    async def add(
        self, rows: Iterable[tuple[StoredObject, Looked]], upto: int, also: Sequence[str] = ()
    ) -> None:
        """Enter objects that are not settled, and go on behind `upto` the next time.

        `also` are marks that need not go this way any more.
        """
        told = [
            (
                *row.key, row.provider, looked.why, looked.look_at, looked.due_at, looked.ask_at,
                looked.base_at, looked.seen_at,
            )
            for row, looked in rows
        ]  # fmt: skip
        await execute_rows(self._connection, "add_polls", told)
        await self._connection.execute(query("move_mark"), [self._mark, *also], upto)


@asynccontextmanager
async def walking(pool: Pool, mark: str) -> AsyncIterator[Walk | None]:
    """Take the turn to walk; None where another reconciler has it."""
    async with transaction(pool) as connection:
        upto = await connection.fetchval(query("take_mark"), mark)
        yield None if upto is None else Walk(connection, mark, upto)
