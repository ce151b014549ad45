"""Connections and their pool, with the part of asyncpg's surface that the store uses."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextvars import Context
from types import TracebackType
from typing import Any, Final, Self

import asyncpg

from libs.store.memory.database import Database
from libs.store.memory.row import Record
from libs.store.memory.statements import called, run
from libs.store.memory.transaction import Transaction
from libs.store.queries import query

COMMAND_TIMEOUT: Final = 60  # seconds, as `open_pool` asks of the real one
IDLE_IN_TRANSACTION: Final = 30  # seconds, as the session asks of the real one


class MemoryConnection:
    """One session. A statement outside of a transaction is one of its own."""

    def __init__(self, database: Database, answer_within: float = COMMAND_TIMEOUT) -> None:
        self._database = database
        self._answer_within = answer_within
        self._transaction: Transaction | None = None
        self._closed = False
        self._busy = False
        self._idle: asyncio.TimerHandle | None = None
        self._idle_since: float = 0
        database.peers.add(self)

    async def execute(
        self,
        statement: str,
        *arguments: Any,  # noqa: ANN401 - as asyncpg
        timeout: float | None = None,  # noqa: ASYNC109 - the same
    ) -> str:
        """Run a statement for its effect."""
        rows = await self._run(statement, arguments, timeout)
        return f"DONE {len(rows)}"

    async def fetch(
        self,
        statement: str,
        *arguments: Any,  # noqa: ANN401 - as asyncpg
        timeout: float | None = None,  # noqa: ASYNC109 - the same
    ) -> list[Record]:
        """Run a statement and return its rows."""
        return [Record(row) for row in await self._run(statement, arguments, timeout)]

    async def fetchrow(self, statement: str, *arguments: Any) -> Record | None:  # noqa: ANN401 - as asyncpg
        """Return the first row."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def fetchval(self, statement: str, *arguments: Any) -> Any:  # noqa: ANN401 - as asyncpg
        """Return the first value of the first row."""
        row = await self.fetchrow(statement, *arguments)
        return None if row is None else row[0]

    def transaction(self, *, readonly: bool = False) -> _Block:
        """Begin a transaction, or a savepoint inside of one, for the length of a `with`."""
        return _Block(self, readonly=readonly)

    def is_closed(self) -> bool:
        """Whether it is of no more use."""
        return self._closed

    def terminate(self) -> None:
        """Cut it off: its transaction is undone."""
        self._closed = True
        self._database.left(self)
        if self._idle is not None:
            self._idle.cancel()
        if self._transaction is not None:
            self._transaction.rollback()
            self._transaction = None

    async def begin(self) -> bool:
        """Begin; True where that is a savepoint inside of a transaction."""
        async with self._reached("begin"):
            if self._transaction is not None:
                self._transaction.save()
                return True
            self._transaction = Transaction(self._database)
            return False

    async def begin_with(self, name: str, number: int) -> None:
        """Begin with a statement."""
        await self.begin()
        await self._run(query(name), (number,), None)

    async def keep(self) -> None:
        """Commit what was begun so."""
        await self.commit(inner=False)

    async def undo(self) -> None:
        """Roll back what was begun so."""
        await self.rollback(inner=False)

    async def commit(self, *, inner: bool) -> None:
        """Keep what was done since `begin`."""
        async with self._reached("release" if inner else "commit"):
            if self._transaction is None:
                raise asyncpg.InterfaceError("there is no transaction")
            if inner:
                self._transaction.release()
            else:
                transaction, self._transaction = self._transaction, None
                transaction.commit()
        if not inner:
            async with self._reached("committed"):
                pass

    async def rollback(self, *, inner: bool) -> None:
        """Undo what was done since `begin`."""
        async with self._reached("rollback"):
            if self._transaction is None:
                raise asyncpg.InterfaceError("there is no transaction")
            if inner:
                self._transaction.undo()
            else:
                transaction, self._transaction = self._transaction, None
                transaction.rollback()

    def _reached(self, what: str, within: float | None = None) -> _Reaching:
        return _Reaching(self, what, within or self._answer_within)

    async def _run(
        self, statement: str, arguments: Sequence[Any], within: float | None
    ) -> list[dict[str, Any]]:
        name = called(statement)
        async with self._reached(name, within):
            alone = self._transaction is None
            transaction = self._transaction or Transaction(self._database)
            if transaction.failed:
                raise asyncpg.InFailedSQLTransactionError("the transaction is aborted")
            self._transaction = transaction
            try:
                rows = await run(transaction, statement, arguments)
            except BaseException:
                transaction.failed = True
                raise
            finally:
                changed = alone and bool(transaction.changes)
                if alone and self._transaction is transaction:
                    self._transaction = None
                    transaction.commit()
        if changed:
            async with self._reached("committed"):
                pass
        return rows

    def check_open(self) -> None:
        """Raise asyncpg's error where it is closed, or in use by another task."""
        if self._closed:
            raise asyncpg.InterfaceError("the connection is closed")
        if self._busy:
            raise asyncpg.InterfaceError("another operation is in progress")

    async def enter(self, what: str) -> None:
        """Travel to the server."""
        self.check_open()
        self._busy = True
        try:
            await self._database.reach(self, what)
            self._check_alive()
        except asyncpg.PostgresError as error:
            self.leave()
            if isinstance(error, asyncpg.PostgresConnectionError):
                self.terminate()
            elif self._transaction is not None:
                self._transaction.failed = True
            raise
        except BaseException:
            self.leave()
            raise

    def _check_alive(self) -> None:
        if self._closed:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle")

    def leave(self) -> None:
        """Be back; the server watches those who do nothing inside of a transaction."""
        self._busy = False
        if self._transaction is not None and not self._closed:
            self._idle_since = asyncio.get_running_loop().time()
            if self._idle is None:
                self._watch(IDLE_IN_TRANSACTION)

    def _watch(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(seconds, self._end_if_idle, context=Context())

    def _end_if_idle(self) -> None:
        self._idle = None
        if self._busy or self._transaction is None:
            return
        left = self._idle_since + IDLE_IN_TRANSACTION - asyncio.get_running_loop().time()
        if left > 0:
            self._watch(left)
        else:
            self.terminate()


class _Reaching:
    """One question to the server, bounded in time."""

    def __init__(self, connection: MemoryConnection, what: str, within: float) -> None:
        self._connection = connection
        self._what = what
        self._bound = asyncio.timeout(within)

    async def __aenter__(self) -> None:
        await self._bound.__aenter__()
        try:
            await self._connection.enter(self._what)
        except BaseException as error:
            await self._bound.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.leave()
        await self._bound.__aexit__(kind, error, trace)


class _Block:
    """What `transaction()` gives."""

    def __init__(self, connection: MemoryConnection, *, readonly: bool) -> None:
        self._connection = connection
        self._readonly = readonly
        self._inner = False

    async def __aenter__(self) -> Self:
        self._inner = await self._connection.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._connection.check_open()
        if kind is None:
            await self._connection.commit(inner=self._inner)
        else:
            await self._connection.rollback(inner=self._inner)


class MemoryPool:
    """At most `size` connections, made when they are wanted."""

    def __init__(
        self, database: Database, *, size: int = 4, answer_within: float = COMMAND_TIMEOUT
    ) -> None:
        self._database = database
        self._answer_within = answer_within
        self._free: list[MemoryConnection] = []
        self._used: set[MemoryConnection] = set()
        self._room = asyncio.Semaphore(size)
        self._returned = asyncio.Event()
        self._closing = False

    @property
    def database(self) -> Database:
        """The server behind it."""
        return self._database

    def acquire(self, *, timeout: float | None = None) -> _Acquiring:
        """Give a connection, by `await` or for the length of a `with`."""
        return _Acquiring(self, timeout)

    async def take(self, timeout: float | None) -> MemoryConnection:  # noqa: ASYNC109 - as asyncpg
        """Wait for a connection."""
        if self._closing:
            raise asyncpg.InterfaceError("pool is closing")
        async with asyncio.timeout(timeout):
            await self._room.acquire()
            try:
                connection = await self._connected()
            except BaseException:
                self._room.release()
                raise
        self._used.add(connection)
        return connection

    async def _connected(self) -> MemoryConnection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        connection = MemoryConnection(self._database, self._answer_within)
        try:
            async with connection._reached("connect"):  # noqa: SLF001 - of this module
                return connection
        except BaseException:
            connection.terminate()
            raise

    async def release(self, connection: MemoryConnection) -> None:
        """Take a connection back; one with an open transaction is of no more use."""
        if connection not in self._used:
            return
        self._used.remove(connection)
        self._returned.set()
        if connection._transaction is not None:  # noqa: SLF001 - of this module
            connection.terminate()
        if not connection.is_closed():
            self._free.append(connection)
        self._room.release()

    async def close(self) -> None:
        """Wait until all are back, and close them."""
        self._closing = True
        while self._used:
            self._returned.clear()
            await self._returned.wait()
        self.terminate()

    def terminate(self) -> None:
        """Close all at once."""
        self._closing = True
        for connection in (*self._free, *self._used):
            connection.terminate()


class _Acquiring:
    """What `acquire()` gives."""

    def __init__(self, pool: MemoryPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._connection: MemoryConnection | None = None

    def __await__(self) -> Generator[Any, None, MemoryConnection]:
        return self._pool.take(self._timeout).__await__()

    async def __aenter__(self) -> MemoryConnection:
        self._connection = await self._pool.take(self._timeout)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._pool.release(self._connection)
