"""Postgres restarts, freezes, cuts and locks: every answer says whether to try again, and in time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from random import Random

import asyncpg
import pytest
import pytest_asyncio

from libs.bus.isolation import isolate
from libs.contracts.webhook_translated import Translated
from libs.embedded.postgres import EmbeddedPostgres
from libs.runtime.failures import ContentionError, TemporaryError
from libs.store import database
from libs.store.database import Pool, open_pool, session, transaction
from libs.store.migrate import migrate
from libs.store.outbox import relay_turn
from services.reconciler.apply import apply
from tests.faults.ground import freeze, thaw
from tests.integration.store.rooms import everything, fetch, value
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, told

pytestmark = [
    pytest.mark.servers,
    # asyncpg's close() of a connection whose server is frozen ends with the loop, and not before
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Find what a frozen server left behind here, and not in some test that comes later."""
    yield
    gc.collect()


@pytest_asyncio.fixture
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """Run a server of our own, with our schema: these tests stop and kill it."""
    place = tmp_path_factory.mktemp("postgres")
    async with EmbeddedPostgres(place / "data", place / "log") as running:
        await asyncio.to_thread(migrate, running.dsn)
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for locks for a fifth of a second."""
    monkeypatch.setitem(database._SESSION, "lock_timeout", "200ms")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction be idle for a fifth of a second."""
    monkeypatch.setitem(database._SESSION, "idle_in_transaction_session_timeout", "200ms")


def some(count: int) -> list[Translated]:
    return [told(n, about(f"p-{n}", paid(at=1))) for n in range(1, count + 1)]


async def persistently(pool: Pool, outcomes: list[Translated]) -> int:
    """Apply as the consumer does, again and again; return how often that failed."""
    for failures in range(200):
        try:
            await apply(pool, outcomes)
        except TemporaryError:
            await asyncio.sleep(0.02)  # the server may be away for a second
        else:
            return failures
    raise AssertionError("never")


async def freeze_within(pool: Pool, pid: int, frozen: list[int]) -> None:
    async with transaction(pool) as connection:
        await connection.execute("select 1")
        frozen += freeze(pid)
        await connection.execute("select 1")


async def test_frozen_server_is_given_up(server: EmbeddedPostgres) -> None:
    """In the middle of a transaction: neither the statement, the rollback nor the close hangs."""
    assert server.child is not None
    clock = asyncio.get_running_loop().time
    async with open_pool(server.dsn, answer_within=1) as pool:
        frozen: list[int] = []
        try:
            async with session(pool) as connection:
                await connection.execute("select 1")
            began = clock()
            with pytest.raises(TemporaryError):
                await freeze_within(pool, server.child.pid, frozen)
            assert clock() - began < 3
            with pytest.raises(TemporaryError):
                await apply(pool, some(1))
        finally:
            thaw(frozen)
        assert await persistently(pool, some(1)) < 200


async def test_frozen_server_holds_no_close(server: EmbeddedPostgres) -> None:
    assert server.child is not None
    clock = asyncio.get_running_loop().time
    frozen: list[int] = []
    try:
        async with open_pool(server.dsn, answer_within=30) as pool:
            async with session(pool) as connection:
                await connection.execute("select 1")
            frozen = freeze(server.child.pid)
            began = clock()
        assert clock() - began < 7
    finally:
        thaw(frozen)


async def test_cancelled_work_leaves_frozen_server(server: EmbeddedPostgres) -> None:
    """What SIGTERM does after the grace: cancelled means cancelled, at once."""
    assert server.child is not None
    frozen: list[int] = []
    reached = asyncio.Event()

    async def work(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await connection.execute("select 1")
            reached.set()
            await connection.execute("select pg_sleep(60)")

    try:
        async with open_pool(server.dsn) as pool:
            task = asyncio.create_task(work(pool))
            await reached.wait()
            frozen = freeze(server.child.pid)
            task.cancel()
            await asyncio.wait({task}, timeout=2)
            assert task.cancelled()
    finally:
        thaw(frozen)


async def test_killed_server_costs_nothing(server: EmbeddedPostgres) -> None:
    """Kill -9 of all of it between and during commits; recovered, each effect is there once."""
    batches = [some(n) for n in range(1, 40)]

    done = asyncio.Semaphore(0)
    hurt: list[int] = []

    async def work(pool: Pool) -> None:
        for batch in batches:
            hurt.append(await persistently(pool, batch))
            done.release()

    async with open_pool(server.dsn) as pool:
        task = asyncio.create_task(work(pool))
        for _ in range(2):
            for _ in range(5):  # it is at work, and far from its end
                await done.acquire()
            await server.kill()
            await server.start()
        await task
        assert sum(hurt) > 0
        assert await value(pool, "select count(*) from objects") == 39
        assert await value(pool, "select count(*) from outbox") == 39
        before = await everything(pool)
        await apply(pool, batches[-1])
        assert await everything(pool) == before


async def test_backends_terminated_during_commits(pool: Pool, dsn: str) -> None:
    """In a loop, at any moment: what is not known to be committed is done again, once."""
    batches = [some(n) for n in range(1, 40)]
    done = asyncio.Event()
    random = Random(7)

    async def work() -> int:
        try:
            async with open_pool(dsn, size=2) as victim:
                return sum([await persistently(victim, batch) for batch in batches])
        finally:
            done.set()

    async def murder() -> None:
        while not done.is_set():
            await fetch(
                pool,
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()",
            )
            await asyncio.sleep(0.02 + random.random() / 20)

    hurt, _ = await asyncio.gather(work(), murder())
    assert hurt > 0
    assert await value(pool, "select count(*) from objects") == 39
    assert await value(pool, "select count(*) from outbox") == 39


async def idle_until_killed(pool: Pool) -> None:
    async with transaction(pool) as connection:
        mine = await connection.fetchval("select pg_backend_pid()")
        while await value(pool, "select count(*) from pg_stat_activity where pid = $1", mine):
            await asyncio.sleep(0.02)
        await connection.execute("select 1")


@pytest.mark.usefixtures("watched")
async def test_idle_transaction_is_killed(dsn: str) -> None:
    """A reconciler that froze in its transaction: it has to begin again, and says so."""
    async with open_pool(dsn, size=2) as pool:
        with pytest.raises(TemporaryError):
            await idle_until_killed(pool)
        assert await persistently(pool, some(1)) == 0


async def idle_until_relieved(pool: Pool) -> None:
    async with relay_turn(pool) as mine:
        assert await mine.next_events(1) is not None
        relieved = False
        while not relieved:
            async with relay_turn(pool) as turn:
                relieved = await turn.next_events(1) is not None
        await mine.next_events(1)


@pytest.mark.usefixtures("watched")
async def test_frozen_relay_loses_its_turn(dsn: str) -> None:
    async with open_pool(dsn, size=3) as pool:
        with pytest.raises(TemporaryError):
            await idle_until_relieved(pool)


@pytest.mark.usefixtures("impatient")
async def test_locked_object_holds_up_no_other(pool: Pool, dsn: str) -> None:
    await apply(pool, [told(99, about("p-3", pending(at=1)))])
    async with open_pool(dsn) as ours, transaction(pool) as connection:
        await connection.execute("select from objects where provider_ref = 'p-3' for update")
        failed = await isolate(some(8), lambda outcomes: _apply(ours, outcomes))
        assert [(each.item, type(each.error)) for each in failed] == [(some(8)[2], ContentionError)]
        assert await value(pool, "select count(*) from objects where state = 'paid'") == 7


@pytest.mark.usefixtures("impatient")
async def test_locked_table_is_waited_for(pool: Pool, dsn: str) -> None:
    """It is not about single items: the batch is held whole, and done when the lock is gone."""
    async with open_pool(dsn) as ours:
        async with transaction(pool) as connection:
            await connection.execute("lock table objects in access exclusive mode")
            with pytest.raises(ContentionError):
                await isolate(some(8), lambda outcomes: _apply(ours, outcomes))
        assert await isolate(some(8), lambda outcomes: _apply(ours, outcomes)) == []
        assert await value(pool, "select count(*) from objects where state = 'paid'") == 8


async def _apply(pool: Pool, outcomes: object) -> None:
    assert isinstance(outcomes, list)
    await apply(pool, outcomes)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
        asyncpg.LockNotAvailableError,
        asyncpg.QueryCanceledError,
        asyncpg.IdleInTransactionSessionTimeoutError,
    ],
)
async def test_contention_is_told_apart(error: type[Exception]) -> None:
    with pytest.raises(ContentionError):
        async with database.healing():
            raise error("quotes nothing")


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.AdminShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.DiskFullError,
        asyncpg.UndefinedColumnError,
        asyncpg.InsufficientPrivilegeError,
        ConnectionResetError,
        TimeoutError,
    ],
)
async def test_server_away_is_no_contention(error: type[Exception]) -> None:
    with pytest.raises(TemporaryError) as raised:
        async with database.healing():
            raise error("quotes nothing")
    assert type(raised.value) is TemporaryError


async def test_deadlock_is_tried_again(pool: Pool) -> None:
    """A real one: the loser's batch is done whole on its second try."""
    first = [told(1, about("a", paid(at=1)))]
    await apply(pool, [*first, told(2, about("b", paid(at=1)))])
    calls = 0

    async def do(_: object) -> None:
        nonlocal calls
        calls += 1
        async with transaction(pool) as connection:
            await connection.execute("select from objects where provider_ref = 'b' for update")
            ready.set()
            await taken.wait()
            await connection.execute("select from objects where provider_ref = 'a' for update")

    ready, taken = asyncio.Event(), asyncio.Event()

    async def other() -> None:
        async with transaction(pool) as connection:
            await connection.execute("set local deadlock_timeout = '10s'")  # the loser is not us
            await connection.execute("select from objects where provider_ref = 'a' for update")
            await ready.wait()
            taken.set()
            await connection.execute("select from objects where provider_ref = 'b' for update")

    failed, _ = await asyncio.gather(isolate(first, do), other())
    assert (failed, calls) == ([], 2)
