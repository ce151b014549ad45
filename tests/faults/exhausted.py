"""What a process runs out of: descriptors, memory, patience with senders that never end."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from libs.embedded.ports import LOOPBACK
from tests.faults.case import PLAIN, Case, Scene
from tests.faults.kept import Kept, open_files

HELD_FOR = 6.0  # seconds
STARVED_FOR = 1.5  # seconds
BEGUN_FOR = ((0.1, 0.6), (0.6, 1.5))  # seconds since its start: while it loads, at its first work
REACHED_WITHIN = 30.0
ROOM = 256 * 1024  # bytes more than it has
SENDERS = 120  # of each kind
HALF_A_HEAD = b"POST /webhooks/clip?token=dev-clip-token HTTP/1.1\r\nHost: caudal\r\nConte"
HALF_A_BODY = (
    b"POST /webhooks/clip?token=dev-clip-token HTTP/1.1\r\nHost: caudal\r\n"
    b'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"id": "'
)


def cases() -> list[Case]:
    return [
        Case(
            name="slow-senders",
            matrix="R4",
            on="ingress",
            fault=f"{SENDERS} half heads and {SENDERS} half bodies held open for {HELD_FOR:.0f} s",
            shape=PLAIN,
            act=_slow_senders,
        ),
        Case(
            name="few-descriptors",
            matrix="P4",
            on="ingress",
            fault=f"no further file may be opened for {HELD_FOR:.0f} s, and the broker killed meanwhile",
            shape=PLAIN,
            act=_few_descriptors,
            restore=_usual_descriptors,
            open_door=False,
        ),
        Case(
            name="little-memory",
            matrix="P4",
            on="each",
            fault=f"one after another killed, and its next life gets no more memory, for {STARVED_FOR:g} s",
            shape=PLAIN,
            act=_little_memory,
            restore=_usual_memory,
            webhooks=4000,
            rate=200,
            open_door=False,
            may_end=True,
        ),
    ]


async def _slow_senders(scene: Scene) -> None:
    port = urlsplit(scene.house.own_url).port
    opened: list[asyncio.StreamWriter] = []
    try:
        for said in (HALF_A_HEAD, HALF_A_BODY) * SENDERS:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
            opened.append(writer)
            writer.write(said)
        await asyncio.sleep(HELD_FOR)
    finally:
        for writer in opened:
            writer.transport.abort()


async def _few_descriptors(scene: Scene) -> None:
    broker = scene.house.ground.broker
    await broker.flush()
    _limit(scene, open_files(scene.house.ingress.pid))
    await broker.kill()
    await asyncio.sleep(HELD_FOR)
    _limit(scene, None)
    await broker.start()


async def _usual_descriptors(scene: Scene) -> None:
    _limit(scene, None)
    if scene.house.ground.broker.node is None:
        await scene.house.ground.broker.start()


def _limit(scene: Scene, files: int | None) -> None:
    pid = scene.house.ingress.pid
    if pid is not None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files or hard, hard))


async def _little_memory(scene: Scene) -> None:
    """One after another starts, and then may have no more memory than it has by then.

    Some of them end of it, and are started again by whoever runs them.
    """
    for kept in scene.house.processes.values():
        for begun_for in BEGUN_FOR:
            lives = len(kept.lives)
            kept.kill()
            await scene.house.until(
                partial(_begun, kept, lives), seconds=REACHED_WITHIN, what=f"a new {kept.name}"
            )
            await asyncio.sleep(scene.chance.uniform(*begun_for))
            _limit_memory(kept.pid, ROOM)
            await asyncio.sleep(STARVED_FOR)
            _limit_memory(kept.pid, None)


async def _begun(kept: Kept, lives: int) -> bool:
    return len(kept.lives) > lives


async def _usual_memory(scene: Scene) -> None:
    for kept in scene.house.processes.values():
        _limit_memory(kept.pid, None)


def _limit_memory(pid: int | None, room: int | None) -> None:
    """Let a process have so many bytes more than it has, or as many as it likes."""
    with suppress(ProcessLookupError, FileNotFoundError):
        if pid is not None:
            limit = resource.RLIM_INFINITY if room is None else _size(pid) + room
            resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def _size(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * resource.getpagesize()
