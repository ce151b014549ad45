"""The long run: full load, and every few seconds something is killed, servers included."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tests.faults.case import PLAIN, Case, Scene
from tests.faults.outages import kill_broker, kill_postgres

BETWEEN: Final = (1.0, 4.0)  # seconds between two kills
SERVER_AWAY: Final = 1.0  # seconds between a server's kill and its start
# Of so many kills one is the broker's and one Postgres'; the others hit our own processes.
ONE_IN: Final = 12
DRAINED_WITHIN: Final = 900.0  # seconds for what has piled up


def soak(minutes: float) -> Case:
    """Return the long run as a case."""
    return Case(
        name="soak",
        matrix="P5",
        on="all",
        fault=f"SIGKILL of anything every 1 to 4 s for {minutes:g} min, at full rate",
        act=partial(_kill_anything, 60 * minutes),
        shape=PLAIN,
        rate=0,
        lasting=60 * minutes,
        webhooks=1000,
        open_door=False,
        quiet_within=DRAINED_WITHIN,
        seconds=60 * minutes + 2 * DRAINED_WITHIN,
    )


async def _kill_anything(seconds: float, scene: Scene) -> None:
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    ours = list(scene.house.processes.values())
    while clock() < until:
        drawn = scene.chance.randrange(ONE_IN)
        if drawn == 0:
            await kill_broker(scene, away_for=SERVER_AWAY)
        elif drawn == 1:
            await kill_postgres(scene)
        else:
            scene.chance.choice(ours).kill()
        await asyncio.sleep(scene.chance.uniform(*BETWEEN))
