"""SIGKILL and SIGTERM: at named points, at random moments, one after another, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from tests.faults.case import PLAIN, Act, Case, Scene
from tests.faults.house import INGRESS_BROKER

REACHED_WITHIN: Final = 60.0  # seconds until an armed point is passed
RANDOM_FOR: Final = 8.0  # seconds of random kills
BETWEEN: Final = (0.2, 1.5)  # seconds between two of them

# The point, and at which passes of it the process dies: once in each of two lives.
INGRESS_POINTS: Final = {"ingress.received": (60, 30), "ingress.confirmed": (20, 5)}
SPOOL_POINTS: Final = {
    "spool.written": (10, 3),
    "spool.synced": (10, 3),
    "ingress.spooled": (10, 3),
    "spool.drained": (3, 2),
}
NORMALIZER_POINTS: Final = {"normalizer.translated": (5, 3), "normalizer.confirmed": (5, 3)}
RECONCILER_POINTS: Final = {
    "archive.committed": (5, 3),
    "reconciler.applied": (5, 3),
    "reconciler.committed": (5, 3),
    "relay.claimed": (8, 4),
    "relay.confirmed": (4, 2),
    "relay.forgotten": (4, 2),
}


def point_cases() -> list[Case]:
    """Return one case for each named point."""
    cases = []
    for role, points, act in (
        ("ingress", INGRESS_POINTS, _until_dead),
        ("ingress", SPOOL_POINTS, _until_dead_while_spooling),
        ("normalizer", NORMALIZER_POINTS, _until_dead),
        ("reconciler", RECONCILER_POINTS, _until_dead),
    ):
        cases += [
            Case(
                name=f"kill-at-{point}",
                matrix={"ingress": "C1", "normalizer": "C2"}.get(
                    role, "C4" if point.startswith("relay") else "C3"
                ),
                on=role,
                fault=f"SIGKILL at `{point}`, twice",
                prepare=partial(_armed, role, point, passes),
                act=partial(act, role),
                open_door=role != "ingress",
            )
            for point, passes in points.items()
        ]
    return cases


def cases() -> list[Case]:
    return [
        *point_cases(),
        *(
            Case(
                name=f"random-kills-{role}",
                matrix="C1 C2 C3",
                on=role,
                fault="SIGKILL at random moments for 8 s",
                act=partial(random_kills, (role,)),
                webhooks=900,
                open_door=role != "ingress",
            )
            for role in ("ingress", "normalizer", "reconciler")
        ),
        Case(
            name="random-kills-everything",
            matrix="C1 C2 C3 C4",
            on="all",
            fault="SIGKILL of any of them at random moments for 8 s, at the end of all at once",
            act=_everything_dies,
            webhooks=900,
            open_door=False,
        ),
        Case(
            name="poison-crashes-workers",
            matrix="B6",
            on="normalizer",
            fault="every normalizer killed at its first batch, 12 times over",
            prepare=partial(_armed, "normalizer", "normalizer.translated", (1,) * 12),
            act=partial(_until_dead, "normalizer", deaths=24),
        ),
        Case(
            name="rolling-restart-workers",
            matrix="P1",
            on="normalizer, reconciler",
            fault="SIGTERM one after another in mid-batch, two rounds",
            act=rolling_restart,
            webhooks=900,
        ),
        Case(
            name="restart-ingress",
            matrix="P1",
            on="ingress",
            fault="SIGTERM and start, three times",
            shape=PLAIN,
            act=_restart_ingress,
            webhooks=900,
            open_door=False,
        ),
    ]


async def _armed(role: str, point: str, passes: Sequence[int], scene: Scene) -> None:
    for kept in scene.house.of(role):
        kept.arm(*(f"{point}:kill:{nth}" for nth in passes))
        await kept.restart()
    if 1 not in passes:
        await scene.house.until_ready()


async def _until_dead(role: str, scene: Scene, *, deaths: int = 2) -> None:
    """Wait until processes of the role have died of what they were armed with."""

    async def died() -> bool:
        return sum(kept.armed_deaths for kept in scene.house.of(role)) >= deaths

    await scene.house.until(died, seconds=REACHED_WITHIN, what=f"{deaths} deaths of {role}")
    for kept in scene.house.of(role):
        kept.arm()


async def _until_dead_while_spooling(role: str, scene: Scene) -> None:
    """Cut the ingress off from the broker, so that the spool is what it lives on; and back."""
    link = scene.house.links[INGRESS_BROKER]
    await link.refuse()
    await scene.some_more(150)
    await link.listen()
    await _until_dead(role, scene)


async def random_kills(roles: Sequence[str], scene: Scene, *, seconds: float = RANDOM_FOR) -> None:
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    kept = [each for role in roles for each in scene.house.of(role)]
    while clock() < until:
        scene.chance.choice(kept).kill()
        await asyncio.sleep(scene.chance.uniform(*BETWEEN))


async def _everything_dies(scene: Scene) -> None:
    await random_kills(("ingress", "normalizer", "reconciler"), scene)
    for kept in scene.house.processes.values():
        kept.kill()


async def rolling_restart(scene: Scene) -> None:
    for _ in range(2):
        for kept in scene.house.workers:
            await kept.restart()


async def _restart_ingress(scene: Scene) -> None:
    for _ in range(3):
        await scene.house.ingress.restart()
        await scene.some_more()


def dying_at(point: str, passes: Sequence[int], role: str, case: Case) -> Case:
    """Return the case with the deaths of a role at a point as its fault."""
    return replace(
        case,
        on=role,
        fault=f"SIGKILL at `{point}`, twice",
        prepare=partial(_armed, role, point, passes),
        act=partial(_until_dead, role),
    )


def kills_of(*roles: str) -> Act:
    """Return random kills of these roles as an act for a pair of faults."""
    return partial(random_kills, roles)
