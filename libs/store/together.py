"""Several writes as one statement: one round trip, and one transaction where there is no other.

A batch has up to ten writes, none of which needs what another gives. One by one they took a round
trip each, and a transaction around them two more: for a webhook that came alone, 25 in all, three
quarters of its CPU. Postgres runs each as a common table expression, in the order in which they
are counted.

https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg

from libs.runtime.failures import ContentionError
from libs.store.database import Connection, columns_of, execute_rows
from libs.store.queries import together


class StaleError(ContentionError):
    """Somebody else wrote what was read meanwhile; nothing was written. Read again."""


class Writes:
    """Rows for named statements, to be written all at once in the order of their first mention."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._whole: set[str] = set()

    def add(self, name: str, rows: Iterable[tuple[Any, ...]], *, whole: bool = False) -> None:
        """Add rows; where `whole`, each of them has to take effect, or nothing is written."""
        told = list(rows)
        if told:
            self._rows.setdefault(name, []).extend(told)
            if whole:
                self._whole.add(name)

    async def execute(self, connection: Connection) -> None:
        """Write them. Raises `StaleError` where a row that has to take effect does not."""
        if len(self._rows) < 2 and not self._whole:
            for name, rows in self._rows.items():
                await execute_rows(connection, name, rows)
            return
        arguments = [
            column for name, rows in self._rows.items() for column in columns_of(name, rows)
        ]
        wanted = [len(rows) for name, rows in self._rows.items() if name in self._whole]
        statement = together(tuple((name, name in self._whole) for name in self._rows))
        try:
            await connection.execute(statement, *arguments, *wanted)
        except asyncpg.DivisionByZeroError as error:
            raise StaleError("Postgres: what was read is no longer so") from error
