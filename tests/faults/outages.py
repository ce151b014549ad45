"""The broker and the database: killed, restarted, full, alarmed, cut off from their sessions."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from libs.bus.topology import NORMALIZER_QUEUE
from tests.faults.case import Case, Scene
from tests.faults.ground import execute, thaw
from tests.servers import with_path

AWAY_FOR: Final = 3.0  # seconds between a kill and the start that follows
ALARM_FOR: Final = 6.0
NO_MEMORY: Final = ("set_vm_memory_high_watermark", "absolute", "1000000")
MEMORY: Final = ("set_vm_memory_high_watermark", "0.4")
NO_DISK: Final = ("set_disk_free_limit", "9000GB")
DISK: Final = ("set_disk_free_limit", "100MB")


def cases() -> list[Case]:
    return [*_broker_cases(), *_postgres_cases()]


def _broker_cases() -> list[Case]:
    return [
        Case(
            name="kill-broker",
            matrix="C6",
            on="broker",
            fault="kill -9, started again after 3 s",
            act=kill_broker,
            webhooks=1200,
        ),
        Case(
            name="kill-broker-five-times",
            matrix="C7",
            on="broker",
            fault="kill -9 and start, five times in a row",
            act=_kill_broker_again_and_again,
            webhooks=1500,
            rate=40,
        ),
        Case(
            name="restart-broker",
            matrix="C7",
            on="broker",
            fault="stopped in order, started after 3 s",
            act=_restart_broker,
            webhooks=1200,
        ),
        Case(
            name="memory-alarm",
            matrix="B1",
            on="broker",
            fault="memory alarm for 6 s",
            act=partial(alarm, NO_MEMORY, MEMORY),
            restore=partial(_calm, MEMORY),
            webhooks=1200,
        ),
        Case(
            name="disk-alarm",
            matrix="B2",
            on="broker",
            fault="disk alarm for 6 s",
            act=partial(alarm, NO_DISK, DISK),
            restore=partial(_calm, DISK),
            webhooks=1200,
        ),
        Case(
            name="queue-full",
            matrix="B3",
            on="broker",
            fault="caudal.normalizer takes 20 messages and refuses the rest, its readers frozen, 5 s",
            act=_queue_full,
            restore=partial(_clear_policy, "full"),
            webhooks=900,
        ),
    ]


def _postgres_cases() -> list[Case]:
    return [
        Case(
            name="kill-postgres",
            matrix="C8",
            on="postgres",
            fault="kill -9 of the postmaster, started again after 3 s",
            act=kill_postgres,
            webhooks=1200,
        ),
        Case(
            name="kill-backend",
            matrix="C8",
            on="postgres",
            fault="kill -9 of one backend (crash recovery of all), three times",
            act=_kill_backend,
            webhooks=900,
        ),
        Case(
            name="terminate-backends",
            matrix="C9",
            on="postgres",
            fault="pg_terminate_backend of all sessions, again and again for 6 s, also in COMMIT",
            act=_terminate_backends,
            webhooks=900,
        ),
        Case(
            name="locked-table",
            matrix="D3",
            on="postgres",
            fault="`objects` locked exclusively for 13 s (the lock timeout is 10 s)",
            act=_lock_table,
            webhooks=900,
            rate=60,
        ),
        Case(
            name="deadlocks",
            matrix="D3",
            on="postgres",
            fault="a stranger locks objects in reversed order for 6 s",
            act=_deadlocks,
            webhooks=900,
        ),
        Case(
            name="statement-timeout",
            matrix="D4",
            on="postgres",
            fault="statement_timeout of 2 ms for new sessions and all sessions cut, 6 s",
            act=_statement_timeout,
            restore=_no_statement_timeout,
            webhooks=900,
        ),
    ]


async def kill_broker(scene: Scene, *, away_for: float = AWAY_FOR) -> None:
    """Kill -9. What was declared in the last second is put on disk first (see `flush`)."""
    broker = scene.house.ground.broker
    await broker.flush()
    await broker.kill()
    await asyncio.sleep(away_for)
    await broker.start()


async def _kill_broker_again_and_again(scene: Scene) -> None:
    for _ in range(5):
        await kill_broker(scene, away_for=0.5)


async def _restart_broker(scene: Scene) -> None:
    broker = scene.house.ground.broker
    await broker.stop()
    await asyncio.sleep(AWAY_FOR)
    await broker.start()


async def alarm(raised: tuple[str, ...], calm: tuple[str, ...], scene: Scene) -> None:
    await scene.house.rabbitmqctl(*raised)
    await asyncio.sleep(ALARM_FOR)
    await scene.house.rabbitmqctl(*calm)


async def _calm(words: tuple[str, ...], scene: Scene) -> None:
    await scene.house.rabbitmqctl(*words)


async def _queue_full(scene: Scene) -> None:
    stopped = [pid for kept in scene.house.of("normalizer") for pid in kept.freeze()]
    try:
        await scene.house.rabbitmqctl(
            "set_policy",
            "-p",
            "VHOST",
            "full",
            f"^{NORMALIZER_QUEUE}$",
            '{"max-length":20,"overflow":"reject-publish"}',
            "--apply-to",
            "queues",
        )
        await asyncio.sleep(5)
    finally:
        await _clear_policy("full", scene)
        thaw(stopped)


async def _clear_policy(name: str, scene: Scene) -> None:
    with suppress(Exception):  # it is gone already where the case ended well
        await scene.house.rabbitmqctl("clear_policy", "-p", "VHOST", name)


async def kill_postgres(scene: Scene) -> None:
    postgres = scene.house.ground.postgres
    await postgres.kill()
    await asyncio.sleep(AWAY_FOR)
    await postgres.start()


async def _kill_backend(scene: Scene) -> None:
    dsn = scene.house.room.dsn
    for _ in range(3):
        pid = await _one_backend(dsn)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(2)


async def _one_backend(dsn: str) -> int | None:
    with suppress(*_AWAY):
        connection = await asyncpg.connect(with_path(dsn, "postgres"), timeout=5)
        try:
            found: int | None = await connection.fetchval(
                "select pid from pg_stat_activity where datname = $1"
                " and application_name = 'caudal' limit 1",
                _database(dsn),
            )
            return found
        finally:
            await connection.close(timeout=5)
    return None


async def _terminate_backends(scene: Scene) -> None:
    dsn = scene.house.room.dsn
    clock = asyncio.get_running_loop().time
    until = clock() + 6
    connection = await asyncpg.connect(with_path(dsn, "postgres"), timeout=5)
    try:
        while clock() < until:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                _database(dsn),
            )
            await asyncio.sleep(scene.chance.uniform(0.02, 0.3))
    finally:
        await connection.close(timeout=5)


async def _lock_table(scene: Scene) -> None:
    connection = await asyncpg.connect(scene.house.room.dsn, timeout=5)
    try:
        async with connection.transaction():
            await connection.execute("lock table objects in access exclusive mode")
            await asyncio.sleep(13)
    finally:
        await connection.close(timeout=5)


async def _deadlocks(scene: Scene) -> None:
    """Lock objects last to first, as no reconciler does, and hold each lock for a moment."""
    clock = asyncio.get_running_loop().time
    until = clock() + 6
    connection = await asyncpg.connect(scene.house.room.dsn, timeout=5)
    try:
        while clock() < until:
            with suppress(asyncpg.DeadlockDetectedError):
                async with connection.transaction():
                    rows = await connection.fetch(
                        "select id from objects order by source desc, kind desc, provider_ref desc"
                    )
                    chosen = sorted(scene.chance.sample(range(len(rows)), min(6, len(rows))))
                    for number in chosen:
                        await connection.execute(
                            "select from objects where id = $1 for update", rows[number]["id"]
                        )
                        await asyncio.sleep(0.1)
    finally:
        await connection.close(timeout=5)


async def _statement_timeout(scene: Scene) -> None:
    dsn = scene.house.room.dsn
    name = _database(dsn)
    await execute(dsn, f"alter database \"{name}\" set statement_timeout = '2ms'")
    await _cut_sessions(dsn)
    await asyncio.sleep(6)
    await _no_statement_timeout(scene)


async def _no_statement_timeout(scene: Scene) -> None:
    dsn = scene.house.room.dsn
    reset = f'alter database "{_database(dsn)}" reset statement_timeout'
    await execute(dsn, reset, database="postgres")
    await _cut_sessions(dsn)


async def _cut_sessions(dsn: str) -> None:
    await execute(
        dsn,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
        _database(dsn),
        database="postgres",
    )


def _database(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
