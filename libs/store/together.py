"""Several writes as one statement: one round trip, and one transaction where there is no other.

A batch has up to ten writes, none of which needs what another gives. One by one they took a round
trip each, and a transaction around them two more: for a webhook that came alone, 25 in all, three
quarters of its CPU. Postgres runs each as a common table expression, in the order in which they
are counted.

https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING

That order is the same for everybody, or two batches would wait for each other. New objects come
before known ones: who inserts a row that meanwhile is there waits for whoever is changing it, and
who changes a row waits for nobody that inserts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from libs.runtime.failures import ContentionError
from libs.store.database import Connection, columns_of, execute_rows, keys_of
from libs.store.queries import together

ORDER: Final = (
    "add_objects",
    "update_objects",
    "add_observations",
    "add_aliases",
    "add_repeats",
    "add_to_outbox",
    "add_traced_to_outbox",
    "note_crowded",
    "park",
    "enter_in_ledger",
    "add_translations",
    "add_pokes",
    "file_deliveries",
)


class StaleError(ContentionError):
    """Somebody else wrote what was read meanwhile; nothing was written. Read again."""


class Writes:
    """Rows for named statements of `ORDER`, to be written all at once."""

    def __init__(self) -> None:
        self._told: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ORDER}
        self._whole: set[str] = set()

    def add(self, name: str, rows: Iterable[tuple[Any, ...]], *, whole: bool = False) -> None:
        """Add rows; where `whole`, each of them has to take effect, or nothing is written."""
        self._told[name].extend(rows)
        if whole:
            self._whole.add(name)

    async def execute(self, connection: Connection) -> None:
        """Write them. Raises `StaleError` where a row that has to take effect does not."""
        told = {name: rows for name, rows in self._told.items() if rows}
        whole = self._whole & told.keys()
        if len(told) < 2 and not whole:
            for name, rows in told.items():
                await execute_rows(connection, name, rows)
            return
        keys = keys_of(connection)
        arguments = [
            column for name, rows in told.items() for column in columns_of(name, rows, keys=keys)
        ]
        wanted = [len(rows) for name, rows in told.items() if name in whole]
        statement = together(tuple((name, name in whole) for name in told))
        try:
            await connection.execute(statement, *arguments, *wanted)
        except asyncpg.DivisionByZeroError as error:
            raise StaleError("Postgres: what was read is no longer so") from error
