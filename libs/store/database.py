"""Connections to Postgres, and which of its errors mean "try again".

What a dying connection leaves behind is unknown: the transaction may have been committed. Every
operation of the store is therefore safe to do again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from libs.runtime.failures import ContentionError, TemporaryError
from libs.runtime.key_ring import NO_KEYS, KeyRing
from libs.store.array_literal import array_literal, moments_literal
from libs.store.complaints import complaint
from libs.store.queries import columns_as_text, query
from libs.store.sealing import sealed_columns

# Generic for the type checker alone.
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
if TYPE_CHECKING:
    _Plain = asyncpg.Connection[asyncpg.Record]
else:
    _Plain = asyncpg.Connection

_SESSION: Final = {
    "application_name": "caudal",
    "timezone": "UTC",
    "lock_timeout": "3s",
    # Above the longest turn of the relay; a process that is frozen in a transaction loses its locks.
    "idle_in_transaction_session_timeout": "30s",
    # The same for one whose network is cut: the server notices, and does not wait for hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
    "jit": "off",
}
# For few statements that come all the time, each with an index to go by. A plan that was made while a
# table was still empty would go through the whole of it for as long as the session lasts; and
# planning anew for every batch, whose number of rows is another each time, takes longer than the
# batch.
_BY_INDEX: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
ACQUIRE_WITHIN: Final = 10  # seconds for a free connection, and to put one back in order
# Somebody else holds what we need, or it took too long: a deadlock, a lock, the server's patience.
CONTENTION: Final = (
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
# What time heals: the server is away, restarts, is full of connections, lets us do nothing, or
# has an older schema than ours.
TEMPORARY: Final = (
    *CONTENTION,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    OSError,
    TimeoutError,
)
_STUCK: Final = (TimeoutError, asyncio.CancelledError)


class _Keyed(_Plain):
    """A connection that has the keys under which raw bodies rest, and can begin with a statement."""

    keys: KeyRing = NO_KEYS

    async def begin_with(self, name: str, number: int) -> None:
        """Begin a transaction with a statement whose only argument is a number; nothing comes back."""
        await self.execute(f"begin; {query(name).replace('$1', str(int(number)))}")

    async def keep(self) -> None:
        """Commit what was begun so."""
        await self.execute("commit")

    async def undo(self) -> None:
        """Roll back what was begun so."""
        await self.execute("rollback")


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    size: int = 4,
    answer_within: float = 60,
    by_index: bool = False,
    keys: KeyRing = NO_KEYS,
) -> AsyncIterator[Pool]:
    """Open a pool of at most `size` connections; `TemporaryError` where the server is away.

    A statement that is not answered within `answer_within` seconds is a server that is away.
    `by_index` keeps the server from looking for a plan, see above. Raw bodies are sealed under the
    newest of `keys`, and opened with all of them.
    """
    async with healing():
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            timeout=5,
            command_timeout=answer_within,
            max_inactive_connection_lifetime=0,
            init=partial(_give, keys),
            reset=_as_it_was,
            connection_class=_Keyed,
            server_settings=_SESSION | (_BY_INDEX if by_index else {}),
        )
    try:
        yield pool
    finally:
        await _close(pool)


async def _give(keys: KeyRing, connection: _Keyed) -> None:
    connection.keys = keys


def keys_of(connection: Connection) -> KeyRing:
    """Return the keys that the pool of a connection was opened with."""
    found: KeyRing = getattr(connection, "keys", NO_KEYS)
    return found


async def _as_it_was(_connection: object) -> None:
    """Put nothing back in order after use, which would be one more round trip for each transaction.

    Nothing here changes a session: locks, settings and cursors are those of a transaction.
    """


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except (TimeoutError, *TEMPORARY):
        pool.terminate()


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction on one connection; what time heals comes out as `TemporaryError`.

    Where a statement was not answered or we are cancelled, the connection is cut: asyncpg would
    wait for the server to take the cancellation, and a frozen server never does.
    """
    stuck: BaseException | None = None
    async with _connection(pool) as connection:
        try:
            async with connection.transaction():
                try:
                    yield connection
                except _STUCK as error:
                    stuck = error
                    _cut(connection)
                    raise
        except TEMPORARY:
            if stuck is not None:  # and not that there was nothing to roll back
                raise stuck from None
            raise


@asynccontextmanager
async def begun_with(pool: Pool, name: str, number: int) -> AsyncIterator[Connection]:
    """One transaction that begins with a statement, in one round trip in place of two; see `transaction`.

    What is alone waits for its round trips: the relay's, between a commit and the event, were three.
    """
    async with _connection(pool) as connection:
        begun: Any = connection  # asyncpg's proxy hands on what is ours
        try:
            await begun.begin_with(name, number)
            yield connection
        except _STUCK:
            raise  # and the connection is cut
        except BaseException:
            try:
                await begun.undo()
            except Exception:  # noqa: BLE001 - nobody knows how it stands: it is of no more use
                _cut(connection)
            raise
        await begun.keep()


@asynccontextmanager
async def savepoint(connection: Connection) -> AsyncIterator[None]:
    """Inside a transaction, a part that may fail by itself: what it did is undone."""
    async with healing(), connection.transaction():
        yield


@asynccontextmanager
async def session(pool: Pool) -> AsyncIterator[Connection]:
    """One connection for reading."""
    async with _connection(pool) as connection:
        yield connection


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncIterator[Connection]:
    async with healing(), pool.acquire(timeout=ACQUIRE_WITHIN) as connection:
        try:
            yield connection
        except _STUCK:
            _cut(connection)
            raise


def _cut(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # it was cut already
        connection.terminate()


@asynccontextmanager
async def healing() -> AsyncIterator[None]:
    """Turn the errors that time heals into `TemporaryError`, without what they quote."""
    try:
        yield
    except CONTENTION as error:
        raise ContentionError(f"Postgres: {type(error).__name__}") from error
    except TEMPORARY as error:
        raise TemporaryError(complaint(error)) from error


async def execute_rows(connection: Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a query that takes one array for each column; nothing for no rows."""
    if rows:
        arguments = columns_of(name, rows, keys=keys_of(connection))
        await connection.execute(query(name), *arguments)


async def fetch_rows(
    connection: Connection, name: str, rows: Sequence[tuple[Any, ...]]
) -> list[asyncpg.Record]:
    """Do the same, for what the query gives."""
    if not rows:
        return []
    found: list[asyncpg.Record] = await connection.fetch(query(name), *columns_of(name, rows))
    return found


def columns_of(
    name: str, rows: Sequence[tuple[Any, ...]], first: int = 0, *, keys: KeyRing = NO_KEYS
) -> Iterator[object]:
    """Turn rows into one array for each parameter from `first` on, as text where that is asked for.

    Raw bodies among them are sealed.
    """
    of = columns_as_text(name)
    for number, column in enumerate(sealed_columns(keys, name, zip(*rows, strict=True)), first):
        if number not in of:
            yield column
        elif of[number] == "timestamptz":
            yield moments_literal(column)
        else:
            yield array_literal(column)
