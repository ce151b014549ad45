"""Everything behind the ingress down while webhooks come in, and then all of it back at once."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from tests.faults.case import PLAIN, Case, Scene
from tests.faults.ground import Ground

WEBHOOKS: Final = int(os.environ.get("FAULTS_FLOOD", "100000"))
POSTED_WITHIN: Final = 400.0  # seconds


def cases() -> list[Case]:
    return [
        Case(
            name="flood",
            matrix="R5",
            on="all",
            fault=f"{WEBHOOKS:,} webhooks while broker, Postgres and all workers are down",
            shape=PLAIN,
            act=_flood,
            restore=_all_back,
            webhooks=WEBHOOKS,
            rate=0,
            warm=0.0,
            quiet_within=400,
            seconds=1000,
        )
    ]


async def _flood(scene: Scene) -> None:
    house = scene.house
    for kept in house.workers:
        kept.hold_down()
    await house.ground.broker.flush()
    await asyncio.gather(house.ground.broker.kill(), house.ground.postgres.kill())

    async def all_posted() -> bool:
        return scene.load.posted

    await house.until(all_posted, seconds=POSTED_WITHIN, what="every webhook posted")
    await _all_back(scene)


async def _all_back(scene: Scene) -> None:
    await _servers_back(scene.house.ground)
    for kept in scene.house.workers:
        kept.let_up()


async def _servers_back(ground: Ground) -> None:
    if ground.postgres.child is None:
        await ground.postgres.start()
    if ground.broker.node is None:
        await ground.broker.start()
