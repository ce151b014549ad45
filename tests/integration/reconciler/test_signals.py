"""SIGTERM finishes what is in hand; a second one ends at once, and loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from libs.bus.publisher import Outcome, Publisher
from libs.bus.tail import consumer_counts
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    RECONCILER_QUEUE,
    TRANSLATED,
    WEBHOOKS,
    apply_topology,
)
from libs.contracts import webhook_translated
from libs.embedded.children import Child, start_child
from libs.store.database import Pool, transaction
from tests.integration.bus.waiting import until
from tests.integration.store.rooms import value
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import about, told

pytestmark = pytest.mark.servers

# The batch in hand, and not a chore that wants to look at the same table.
WAITING = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and wait_event_type = 'Lock' and query like '%join objects%'"
)


@asynccontextmanager
async def reconciler(amqp_url: str, dsn: str, log: Path, grace: float) -> AsyncIterator[Child]:
    """Run a real process that consumes."""
    environment = {
        **os.environ,
        "CAUDAL_AMQP_URL": amqp_url,
        "CAUDAL_POSTGRES_DSN": dsn,
        "CAUDAL_GRACE": str(grace),
        "CAUDAL_LOG_FORMAT": "json",
    }
    with log.open("ab") as output:
        child = await start_child(
            [sys.executable, "-P", "-m", "services.cli", "reconciler"],
            name="reconciler", env=environment, stdout=output, stderr=output,
        )  # fmt: skip

    async def consuming() -> bool:
        counts = await consumer_counts(amqp_url, (ARCHIVE_QUEUE, RECONCILER_QUEUE))
        return min(counts.values()) == 1

    try:
        await until(consuming, 30)
        yield child
    finally:
        if child.running:
            await child.kill()


def catches_sigterm(pid: int) -> bool:
    """Whether the process still has a handler of its own: the first signal takes it away."""
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


async def send(amqp_url: str, count: int) -> None:
    outcomes = tuple(told(n, about(f"p-{n}", paid(at=1))) for n in range(1, count + 1))
    publisher = await Publisher.open(amqp_url, name="test")
    try:
        said = await publisher.publish(
            WEBHOOKS,
            TRANSLATED,
            webhook_translated.encode(outcomes),
            content_type=webhook_translated.CONTENT_TYPE,
        )
        assert said is Outcome.CONFIRMED
    finally:
        await publisher.close()


async def test_second_signal_loses_nothing(
    amqp_url: str, dsn: str, pool: Pool, tmp_path: Path
) -> None:
    """Both signals with a batch in hand: it is delivered again, and its effect is there once."""
    await apply_topology(amqp_url)
    log = tmp_path / "log"
    async with (
        reconciler(amqp_url, dsn, log, grace=60) as child,
        transaction(pool) as connection,
    ):
        await connection.execute("lock table objects in access exclusive mode")
        await send(amqp_url, 5)
        await until(lambda: _waits(pool))
        child.send(signal.SIGTERM)
        await until(lambda: not catches_sigterm(child.pid))
        assert child.running
        child.send(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await child.wait() == -signal.SIGTERM
    assert await value(pool, "select count(*) from objects") == 0

    async with reconciler(amqp_url, dsn, log, grace=20) as child:
        await until(lambda: _objects(pool, 5))
        child.send(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await child.wait() == 0
    assert await value(pool, "select sum(sequence) from objects") == 5
    assert await value(pool, "select count(*) from outbox") == 0


async def test_one_signal_finishes_the_batch(
    amqp_url: str, dsn: str, pool: Pool, tmp_path: Path
) -> None:
    await apply_topology(amqp_url)
    async with reconciler(amqp_url, dsn, tmp_path / "log", grace=20) as child:
        async with transaction(pool) as connection:
            await connection.execute("lock table objects in access exclusive mode")
            await send(amqp_url, 5)
            await until(lambda: _waits(pool))
            child.send(signal.SIGTERM)
            await until(lambda: not catches_sigterm(child.pid))
        async with asyncio.timeout(20):
            assert await child.wait() == 0
    assert await value(pool, "select count(*) from objects") == 5


async def test_grace_ends_what_hangs(amqp_url: str, dsn: str, pool: Pool, tmp_path: Path) -> None:
    """A table that stays locked: the process is gone soon after its grace, and cleanly."""
    await apply_topology(amqp_url)
    clock = asyncio.get_running_loop().time
    async with (
        reconciler(amqp_url, dsn, tmp_path / "log", grace=1) as child,
        transaction(pool) as connection,
    ):
        await connection.execute("lock table objects in access exclusive mode")
        await send(amqp_url, 5)
        await until(lambda: _waits(pool))
        began = clock()
        child.send(signal.SIGTERM)
        assert await child.wait() == 0
        assert clock() - began < 8


async def _waits(pool: Pool) -> bool:
    return await value(pool, WAITING) != 0


async def _objects(pool: Pool, count: int) -> bool:
    return await value(pool, "select count(*) from objects where state = 'paid'") == count
