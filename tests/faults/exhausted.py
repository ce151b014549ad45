"""What a process runs out of: descriptors, and patience with senders that never end."""

from __future__ import annotations

import asyncio
import resource
from urllib.parse import urlsplit

from libs.embedded.ports import LOOPBACK
from tests.faults.case import PLAIN, Case, Scene
from tests.faults.kept import open_files

HELD_FOR = 6.0  # seconds
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
