"""Several of the same at once, and two faults at once."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from tests.faults import deaths, outages, severed, standstills
from tests.faults.case import Act, Case, Scene
from tests.faults.house import INGRESS_BROKER, POSTGRES, PROVIDER, WORKER_BROKER, Shape

PAIRS: Final = 4  # in one run
RIVALS: Final = Shape(normalizers=1, reconcilers=4)

# What can happen beside something else: each heals what it does.
FAULTS: Final[dict[str, Act]] = {
    "ingress killed at random": deaths.kills_of("ingress"),
    "normalizers killed at random": deaths.kills_of("normalizer"),
    "reconcilers killed at random": deaths.kills_of("reconciler"),
    "workers restarted one after another": deaths.rolling_restart,
    "broker killed": outages.kill_broker,
    "Postgres killed": outages.kill_postgres,
    "Postgres frozen": standstills.freeze_postgres,
    "ingress cut off from the broker": severed.trouble(INGRESS_BROKER, "cut"),
    "ingress hears no confirms": severed.trouble(INGRESS_BROKER, "one-way-back"),
    "workers reset in mid-frame": severed.trouble(WORKER_BROKER, "resets"),
    "workers hear no confirms": severed.trouble(WORKER_BROKER, "one-way-back"),
    "database reset in mid-frame": severed.trouble(POSTGRES, "resets"),
    "database half-open": severed.trouble(POSTGRES, "half-open"),
    "providers reset in mid-frame": severed.trouble(PROVIDER, "resets"),
}


def cases() -> list[Case]:
    return [
        Case(
            name="four-reconcilers-race",
            matrix="C5",
            on="reconciler",
            fault="four reconcilers and relays on 12 objects, each killed once",
            shape=RIVALS,
            act=_race,
            webhooks=1200,
            rate=0,
        ),
        *(
            Case(
                name=f"two-faults-{number}",
                matrix="P5",
                on="all",
                fault="two faults at once, drawn from the seed",
                act=two_at_once(number),
                restore=_heal_links,
                webhooks=1200,
                rate=60,
                open_door=False,
                quiet_within=150,
            )
            for number in range(1, PAIRS + 1)
        ),
    ]


def drawn(number: int, seed: int) -> tuple[str, str]:
    """Return the two faults of one number and seed."""
    first, second = random.Random(f"{seed}/{number}").sample(sorted(FAULTS), 2)
    return first, second


def two_at_once(number: int) -> Act:
    async def both(scene: Scene) -> None:
        first, second = drawn(number, scene.seed)

        async def later() -> None:
            await asyncio.sleep(scene.chance.uniform(0, 3))
            await FAULTS[second](scene)

        await asyncio.gather(FAULTS[first](scene), later())

    return both


async def _race(scene: Scene) -> None:
    for kept in scene.house.of("reconciler"):
        kept.kill()
        await scene.some_more(30)


async def _heal_links(scene: Scene) -> None:
    for link in scene.house.links:
        await severed.heal(link, scene)
