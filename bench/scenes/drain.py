"""Draining a backlog, and replaying what is on file, against the rate that is sustained."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from datetime import UTC, datetime
from time import monotonic

from bench.figures import Figure, Target
from bench.load.generator import Load, send
from bench.observer import observer
from bench.scenes.stage import Stage
from bench.scenes.sustained import peaks_of, until_done
from bench.scenes.systems import Caudal
from libs.bus.topology import EVENTS_QUEUE

DELIVERIES = 200_000
QUICK = 20_000
HALF_DONE_POLL = 0.5  # seconds
_LOOKED_AT = re.compile(r"(\d+) deliveries looked at")
WORKERS = ("normalizer", "reconciler")


async def drain(stage: Stage, sustained: float) -> list[Figure]:
    """Fill the queues while no worker runs, then let them drain; replay it all in a dry run."""
    house = stage.house
    count = QUICK if stage.quick else DELIVERIES
    since = datetime.now(UTC)
    stage.progress(f"a backlog of {count}")
    await house.start("ingress")
    told = await send(
        Load(
            port=house.port,
            seconds=600,
            connections=stage.connections,
            run=stage.fresh(),
            count=count,
        )
    )
    if not told.clean:
        raise RuntimeError(f"not all was taken: {told.statuses}")
    done_before = await house.count("translations")
    stage.progress("draining it")
    async with observer(house, EVENTS_QUEUE):
        begun, before = monotonic(), house.cpu()
        await house.start(*WORKERS)
        async with peaks_of(house.pids) as first_half:
            while await house.count("translations") < done_before + count // 2:
                await asyncio.sleep(HALF_DONE_POLL)
        async with peaks_of(house.pids) as peaks:
            await until_done(stage, Caudal(), done_before + count)
            took = monotonic() - begun
        used = {name: cpu - before.get(name, 0.0) for name, cpu in house.cpu().items()}
    await house.stop("ingress", *WORKERS)
    rate = count / took
    return [
        Figure(
            key="drain",
            title=f"drain of a backlog of {count:,} deliveries against the sustained rate",
            values=(rate / sustained,),
            target=Target(at_least=1.5),
            beside={
                "per_second": round(rate),
                "seconds_with_start": round(took, 1),
                "cpu_us": {name: round(1e6 * cpu / count, 1) for name, cpu in used.items()},
                "idle": round(1 - sum(used.values()) / took / len(os.sched_getaffinity(0)), 3),
                "peak_mb": {name: round(mb) for name, mb in peaks.items()},
            },
        ),
        Figure(
            key="drain_memory",
            title="largest resident memory of a process while draining",
            values=(max(peaks[name] for name in WORKERS),),
            unit="MB",
            target=Target(at_most=120),
            beside={},
        ),
        Figure(
            key="drain_memory_growth",
            title="resident memory while draining: its second half against the first, the worst process",
            values=(max(peaks[name] / first_half[name] for name in WORKERS),),
            target=Target(at_most=1.05),
            beside={"first_half_peak_mb": {n: round(first_half[n], 1) for n in WORKERS}},
        ),
        await _replay(stage, since, sustained),
    ]


async def _replay(stage: Stage, since: datetime, sustained: float) -> Figure:
    stage.progress("replaying it in a dry run")
    begun = monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "services.cli",
        "replay",
        "--since",
        since.isoformat(),
        "--dry-run",
        "--json",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **stage.house.environment()},
    )
    _, said = await process.communicate()
    took = monotonic() - begun
    if process.returncode:
        raise RuntimeError(f"caudal replay ended with {process.returncode}")
    looked_at = _LOOKED_AT.search(said.decode())
    if looked_at is None:
        raise RuntimeError("caudal replay did not say how many deliveries it looked at")
    rate = int(looked_at[1]) / took
    return Figure(
        key="replay",
        title="replay of the archive in a dry run against the sustained rate",
        values=(rate / sustained,),
        target=Target(at_least=3),
        beside={
            "per_second": round(rate),
            "deliveries": int(looked_at[1]),
            "seconds_with_start": round(took, 1),
        },
    )
