"""One transaction: what it wrote and nobody else sees yet, and the locks that it holds.

Locks are exclusive and held to the end, or to the savepoint that is undone. A lock names a row by
its natural key, whether the row exists or is about to: so an insert waits for another insert of
the same key, as at a unique index.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Final

import asyncpg

from libs.store.memory.schema import SCHEMA, Key, Row

if TYPE_CHECKING:
    from libs.store.memory.database import Database

Lock = tuple[str, Key]

ADVISORY: Final = "advisory"
LOCK_TIMEOUT: Final = 3  # seconds, as the session asks of the real one


class Transaction:
    """Made and ended by a connection; its methods are what statements are written with."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = database.now()
        self.number = str(database.next_number("transactions"))
        self.failed = False
        self.over = False
        self.has_relay = False
        self.waiting_for: Transaction | None = None
        self.changes: dict[Lock, Row | None] = {}
        self._locks: dict[Lock, None] = {}
        self._savepoints: list[tuple[dict[Lock, Row | None], int]] = []
        self.waiters: list[asyncio.Future[None]] = []
        self._wait: asyncio.Future[None] | None = None

    def read(self, table: str, key: Key) -> Row | None:
        """Return the row as this transaction sees it now."""
        if (table, key) in self.changes:
            return self.changes[table, key]
        return self.database.tables[table].get(key)

    def by_id(self, table: str, number: int) -> Row | None:
        """Return the row with this number."""
        key = self.database.numbers[table].get(number)
        return None if key is None else self.read(table, key)

    def rows(self, table: str) -> Iterator[Row]:
        """Return the rows of a table as this transaction sees them now."""
        mine: Mapping[Key, Row | None] = {
            key: row for (name, key), row in self.changes.items() if name == table
        }
        committed: Mapping[Key, Row | None] = self.database.tables[table]
        seen = ChainMap(dict(mine), dict(committed)) if mine else committed
        return (row for row in list(seen.values()) if row is not None)

    async def lock(self, table: str, key: Key) -> Row | None:
        """Wait for the row's lock, take it, and return the row as it is then."""
        while not self.try_lock(table, key):
            await self._wait_for(self.database.holders[table, key])
        return self.read(table, key)

    def try_lock(self, table: str, key: Key) -> bool:
        """Take the lock if nobody else has it."""
        holder = self.database.holders.setdefault((table, key), self)
        if holder is self:
            self._locks[table, key] = None
        return holder is self

    def try_share(self, table: str, key: Key) -> bool:
        """Take a share of the lock: others may have one as well, and nobody the whole."""
        if self.database.holders.get((table, key), self) is not self:
            return False
        return self.try_lock(table, (*key, self.number))

    def try_whole(self, table: str, key: Key) -> bool:
        """Take the lock if nobody else has it, nor a share of it."""
        shared = any(
            name == table and held[:-1] == key and holder is not self
            for (name, held), holder in self.database.holders.items()
        )
        return not shared and self.try_lock(table, key)

    async def insert(self, table: str, values: Row) -> Row | None:
        """Insert; where the key stands already, return that row and insert nothing."""
        shape = SCHEMA[table]
        row = shape.new(values, self.now, self.database.next_number(table))
        key = shape.key_of(row)
        while self._written_by_another((table, key)):
            await self._wait_for(self.database.holders[table, key])
        stands = self.read(table, key)
        if stands is None:
            self.try_lock(table, key)
            self.write(table, row)
            if shape.identity:
                self.database.numbers[table][row[shape.identity]] = key
        return stands

    def update(self, table: str, row: Row, values: Row) -> None:
        """Change columns of a row whose lock is held."""
        shape = SCHEMA[table]
        changed = row | shape.taken(values)
        shape.check(changed)
        self.write(table, changed)

    def write(self, table: str, row: Row) -> None:
        """Set a row whose lock is held; who wrote it stands in its version, as in xmin."""
        self.changes[table, SCHEMA[table].key_of(row)] = row | {"version": self.number}

    async def delete(self, table: str, row: Row) -> bool:
        """Lock and remove a row; False where another was faster."""
        key = SCHEMA[table].key_of(row)
        if await self.lock(table, key) is None:
            return False
        self.changes[table, key] = None
        return True

    def save(self) -> None:
        """Begin a part that may be undone by itself."""
        self._savepoints.append((dict(self.changes), len(self._locks)))

    def release(self) -> None:
        """Keep what was done since the last savepoint."""
        self._savepoints.pop()

    def undo(self) -> None:
        """Undo what was done since the last savepoint."""
        self.changes, kept = self._savepoints.pop()
        self._let_go(list(self._locks)[kept:])
        self.failed = False

    def commit(self) -> None:
        """Make it seen by all, and let the others go on; a transaction that failed leaves nothing."""
        for (table, key), row in {} if self.failed else self.changes.items():
            if row is None:
                self.database.tables[table].pop(key, None)
            else:
                self.database.tables[table][key] = row
        self.rollback()

    def rollback(self) -> None:
        """Leave nothing, and let the others go on."""
        self.over = True
        self.changes = {}
        self._let_go(list(self._locks))
        self.fail_wait(asyncpg.ConnectionDoesNotExistError("the connection was closed"))

    def fail_wait(self, error: Exception) -> None:
        """End a wait for a lock with an error."""
        if self._wait is not None and not self._wait.done():
            self._wait.set_exception(error)

    def _let_go(self, locks: list[Lock]) -> None:
        for lock in locks:
            del self._locks[lock]
            del self.database.holders[lock]
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _written_by_another(self, lock: Lock) -> bool:
        """Say whether the row is being written; one that is merely locked stops no insert."""
        holder = self.database.holders.get(lock, self)
        return holder is not self and lock in holder.changes

    async def _wait_for(self, holder: Transaction) -> None:
        link: Transaction | None = holder
        while link is not None:
            if link is self:
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            link = link.waiting_for
        loop = asyncio.get_running_loop()
        self._wait = wait = loop.create_future()
        holder.waiters.append(wait)
        self.waiting_for = holder
        late = loop.call_later(
            LOCK_TIMEOUT,
            self.fail_wait,
            asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
            context=Context(),  # the server's own clock, whatever becomes of its client
        )
        try:
            await wait
        finally:
            late.cancel()
            self.waiting_for = self._wait = None
        if self.over:  # cut off after the lock was free, and before it could be taken
            raise asyncpg.ConnectionDoesNotExistError("the connection was closed")
