"""The path with nothing in it, held like ours: the most that this stack carries, whoever writes the rest."""

from __future__ import annotations

import asyncio
import pickle
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.bare_workers import CAPTURED
from bench.figures import Figure
from bench.house import READY_WITHIN, WORKERS, House
from bench.limits.captured import capture
from bench.limits.room import room
from bench.scenes.end_to_end import OURS_AT_MOST, measured, rounded
from bench.scenes.stage import Stage, database
from bench.scenes.systems import SETTLES, Caudal
from bench.serving import PORT
from libs.bus.topology import EVENTS_QUEUE
from libs.store.archive import ensure_partitions
from libs.store.database import open_pool

BATCHES: Final = 300
WEBHOOKS: Final = 100  # in each
POLL: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class BarePath:
    """Three processes without a meaning; `captured` is the file with what they say to Postgres."""

    captured: Path
    name: str = "bare path"
    events: str = EVENTS_QUEUE
    processes: tuple[str, ...] = WORKERS
    settles: float = SETTLES

    async def start(self, house: House) -> None:
        modules = {
            "ingress": ["bench.bare"],
            "normalizer": ["bench.bare_workers", "normalizer"],
            "reconciler": ["bench.bare_workers", "reconciler"],
        }
        told = {PORT: str(house.port), CAPTURED: str(self.captured)}
        for name, words in modules.items():
            house.running[name] = await house.spawn(name, [sys.executable, "-m", *words], told)
        await house.until_consuming(*self.processes)
        async with asyncio.timeout(READY_WITHIN):
            while not await house.is_listening():
                await asyncio.sleep(POLL)

    async def stop(self, house: House) -> None:
        await house.stop(*self.processes)

    async def until_quiet(self, house: House, *, within: float) -> None:
        await Caudal().until_quiet(house, within=within)

    async def done(self, house: House) -> int | None:  # noqa: ARG002 - it keeps what others wrote
        return None

    async def about_done(self, house: House) -> int | None:
        return await self.done(house)


async def bare_path(stage: Stage, _sustained: float) -> list[Figure]:
    """Find and hold the highest rate at which webhooks become events that mean nothing."""
    stage.progress(f"catching what is said of {BATCHES * WEBHOOKS} webhooks")
    async with room(stage.house.servers.postgres_dsn, clients=1) as where:
        captured = await capture(where, batches=BATCHES, webhooks=WEBHOOKS)
    path = stage.house.home / "captured.pickle"
    path.write_bytes(pickle.dumps(captured))
    there = stage.on(await database(stage))
    async with open_pool(there.house.servers.postgres_dsn, size=1) as pool:
        await ensure_partitions(pool, datetime.now(UTC))
    found = await measured(
        there,
        BarePath(path),
        at_most=OURS_AT_MOST,
        look=stage.seconds(10, 5),
        hold=stage.seconds(30, 8),
        times=1 if stage.quick else 2,
    )
    return [
        Figure(
            key="bare_path",
            title="the path with nothing in it, sustained, against E",
            values=tuple(rate / e for rate, e in zip(found.rates, found.empty, strict=True)),
            beside={
                "per_second": [round(rate) for rate in found.rates],
                "empty_per_second": [round(rate) for rate in found.empty],
                "cpu_us": [rounded(run.cpu_us) for run in found.runs],
            },
        )
    ]
