"""Disks that are full or read-only, under the spool or the database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import asyncpg

from libs.embedded import serverlog
from libs.embedded.errors import EmbeddedError
from tests.faults.case import Case, Scene
from tests.faults.disk import fill, free, remount
from tests.faults.ground import execute
from tests.faults.house import INGRESS_BROKER, Shape

FULL_FOR: Final = 5.0  # seconds
ON_SMALL_SPOOL: Final = Shape(links=(INGRESS_BROKER,), spool_mb=8)
ON_SMALL_DATABASE: Final = Shape(database_mb=320)


def cases() -> list[Case]:
    return [
        Case(
            name="spool-disk-full",
            matrix="D2",
            on="ingress spool",
            fault="broker away and the spool's disk full for 5 s",
            shape=ON_SMALL_SPOOL,
            act=_spool_full,
            restore=_spool_free,
            webhooks=900,
        ),
        Case(
            name="spool-disk-read-only",
            matrix="D2",
            on="ingress spool",
            fault="broker away and the spool's disk read-only for 5 s",
            shape=ON_SMALL_SPOOL,
            act=_spool_read_only,
            restore=_spool_free,
            webhooks=900,
        ),
        Case(
            name="spool-at-its-bound",
            matrix="D2",
            on="ingress spool",
            fault="broker away until the spool has its largest size, 5 s more",
            shape=Shape(
                links=(INGRESS_BROKER,),
                ingress_environment={"CAUDAL_SPOOL_MAX_BYTES": "262144"},
            ),
            act=_spool_at_its_bound,
            restore=_spool_free,
            webhooks=1200,
        ),
        Case(
            name="database-disk-full",
            matrix="D1",
            on="postgres",
            fault="data and WAL on a full disk for 5 s (tables cannot grow, then WAL cannot: PANIC)",
            shape=ON_SMALL_DATABASE,
            act=_database_full,
            restore=_database_free,
            webhooks=900,
        ),
    ]


async def _spool_full(scene: Scene) -> None:
    house = scene.house
    await house.links[INGRESS_BROKER].refuse()
    await scene.some_more(60)
    await asyncio.to_thread(fill, house.spool)
    await house.until_level("refusing")
    await asyncio.sleep(FULL_FOR)
    free(house.spool)
    await house.until_level("spooling")
    await scene.some_more(60)
    await house.links[INGRESS_BROKER].listen()


async def _spool_read_only(scene: Scene) -> None:
    """Read-only first, while nobody writes there; then the broker goes."""
    house = scene.house

    async def read_only() -> bool:
        return await asyncio.to_thread(remount, house.spool, "ro")

    await house.until(read_only, seconds=20, what="the spool's disk read-only")
    await house.links[INGRESS_BROKER].refuse()
    await house.until_level("refusing")
    await asyncio.sleep(FULL_FOR)
    assert await asyncio.to_thread(remount, house.spool, "rw")
    await house.until_level("spooling")
    await scene.some_more(60)
    await house.links[INGRESS_BROKER].listen()


async def _spool_at_its_bound(scene: Scene) -> None:
    house = scene.house
    await house.links[INGRESS_BROKER].refuse()
    await house.until_level("refusing", seconds=60)
    await asyncio.sleep(FULL_FOR)
    await house.links[INGRESS_BROKER].listen()


async def _spool_free(scene: Scene) -> None:
    remount(scene.house.spool, "rw")
    free(scene.house.spool)
    link = scene.house.links[INGRESS_BROKER]
    if not link.listening:
        await link.listen()


async def _database_full(scene: Scene) -> None:
    """First no table can grow; then the log can neither, and the server gives up."""
    house = scene.house
    postgres = house.postgres
    place = postgres.data_dir
    said = serverlog.size(postgres.log)
    await asyncio.to_thread(fill, place)
    await asyncio.sleep(FULL_FOR / 2)
    await _use_up_the_log(house.room.dsn)
    await asyncio.sleep(FULL_FOR / 2)
    free(place)
    assert "No space left on device" in serverlog.since(postgres.log, said)
    await _start_again(scene)


async def _use_up_the_log(dsn: str) -> None:
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        async with asyncio.timeout(10):
            for _ in range(200):
                await execute(dsn, "select pg_logical_emit_message(false, 'f', repeat('x', 4096))")
                await execute(dsn, "select pg_switch_wal()")


async def _start_again(scene: Scene) -> None:
    postgres = scene.house.postgres
    if postgres.child is not None and not postgres.child.running:
        await postgres.kill()
    if postgres.child is None:
        await postgres.start()


async def _database_free(scene: Scene) -> None:
    free(scene.house.postgres.data_dir)
    with suppress(EmbeddedError):
        await _start_again(scene)
