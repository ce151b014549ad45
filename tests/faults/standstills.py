"""SIGSTOP for longer than three heartbeats, then SIGCONT: who is frozen must not do harm later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.faults.case import Case, Scene
from tests.faults.ground import freeze, thaw

# aiormq gives a silent peer up after (5 + 1) * 3 seconds.
FROZEN_FOR: Final = 20.0
REACHED_WITHIN: Final = 60.0


def cases() -> list[Case]:
    frozen: list[tuple[str, Callable[[Scene], list[int]]]] = [
        ("ingress", lambda scene: scene.house.ingress.freeze()),
        ("normalizer", partial(_role, "normalizer")),
        ("reconciler", partial(_role, "reconciler")),
        ("broker", _broker),
        ("postgres", _postgres),
    ]
    found = [
        Case(
            name=f"freeze-{on}",
            matrix="S1",
            on=on,
            fault=f"SIGSTOP for {FROZEN_FOR:.0f} s",
            act=partial(standstill, who),
            webhooks=1200,
            rate=50,
            open_door=on != "ingress",
        )
        for on, who in frozen
    ]
    found += [
        Case(
            name=f"freeze-at-{point}",
            matrix="C5",
            on="reconciler",
            fault=f"one of two stops at `{point}` for {FROZEN_FOR:.0f} s; the other goes on",
            prepare=partial(_armed, point),
            act=_stopped_at_its_point,
            webhooks=1200,
            rate=50,
        )
        for point in ("reconciler.applied", "relay.claimed", "relay.confirmed")
    ]
    return found


async def standstill(
    who: Callable[[Scene], list[int]], scene: Scene, *, seconds: float = FROZEN_FOR
) -> None:
    stopped = who(scene)
    try:
        await asyncio.sleep(seconds)
    finally:
        thaw(stopped)


async def freeze_postgres(scene: Scene) -> None:
    await standstill(_postgres, scene)


def _role(role: str, scene: Scene) -> list[int]:
    return [pid for kept in scene.house.of(role) for pid in kept.freeze()]


def _broker(scene: Scene) -> list[int]:
    node = scene.house.ground.broker.node
    assert node is not None
    return freeze(node.pid)


def _postgres(scene: Scene) -> list[int]:
    child = scene.house.ground.postgres.child
    assert child is not None
    return freeze(child.pid)


async def _armed(point: str, scene: Scene) -> None:
    stopping = scene.house.processes["reconciler-1"]
    stopping.arm(f"{point}:stop:5")
    await stopping.restart()
    await scene.house.until_ready()


async def _stopped_at_its_point(scene: Scene) -> None:
    stopping = scene.house.processes["reconciler-1"]

    async def stopped() -> bool:
        return stopping.stopped

    await scene.house.until(stopped, seconds=REACHED_WITHIN, what="a reconciler that stopped")
    try:
        await asyncio.sleep(FROZEN_FOR)
    finally:
        thaw([] if stopping.pid is None else [stopping.pid])
