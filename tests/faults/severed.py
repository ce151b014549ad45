"""Every link, and everything that a network does to one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tests.faults.case import EVERY_LINK, Act, Case, Scene
from tests.faults.house import PROVIDER

BRIEF: Final = 5.0  # seconds
SILENT_FOR: Final = 21.0  # seconds: longer than it takes to give a silent peer up
SLOW: Final = 10_000.0  # bytes per second
LATE: Final = 0.5  # seconds


async def _refuse(link: str, scene: Scene) -> None:
    proxy = scene.house.links[link]
    await proxy.refuse()
    await asyncio.sleep(BRIEF)
    await proxy.listen()


async def _hole_up(link: str, scene: Scene) -> None:
    scene.house.links[link].hole("up")
    await asyncio.sleep(SILENT_FOR)


async def _hole_down(link: str, scene: Scene) -> None:
    scene.house.links[link].hole("down")
    await asyncio.sleep(SILENT_FOR)


async def _hole(link: str, scene: Scene) -> None:
    scene.house.links[link].hole()
    await asyncio.sleep(BRIEF)


async def _late(link: str, scene: Scene) -> None:
    proxy = scene.house.links[link]
    proxy.up.latency = proxy.down.latency = LATE / 2
    proxy.up.jitter = proxy.down.jitter = LATE / 5
    await asyncio.sleep(BRIEF)


async def _slow(link: str, scene: Scene) -> None:
    proxy = scene.house.links[link]
    proxy.up.rate = proxy.down.rate = SLOW
    await asyncio.sleep(BRIEF)


async def _sliced(link: str, scene: Scene) -> None:
    proxy = scene.house.links[link]
    proxy.up.slice_bytes = proxy.down.slice_bytes = 7
    await asyncio.sleep(BRIEF)


async def _resets(link: str, scene: Scene) -> None:
    for _ in range(5):
        await scene.house.links[link].reset()
        await asyncio.sleep(scene.chance.uniform(0.3, 1.5))


async def _half_open(link: str, scene: Scene) -> None:
    for _ in range(2):
        scene.house.links[link].half_open()
        await asyncio.sleep(BRIEF)


async def _mute(link: str, scene: Scene) -> None:
    scene.house.links[link].mute()
    await asyncio.sleep(BRIEF)


TROUBLES: Final = {
    "cut": (_refuse, "cut, connections refused for 5 s", "N4"),
    "one-way-there": (_hole_up, "nothing passes towards the server for 21 s", "N2"),
    "one-way-back": (_hole_down, "nothing passes back (lost confirms) for 21 s", "N2"),
    "black-hole": (_hole, "nothing passes either way for 5 s", "N2"),
    "late": (_late, "500 ms (+-200) of latency for 5 s", "N3"),
    "slow": (_slow, "10 kB/s for 5 s", "N3"),
    "sliced": (_sliced, "in slices of 7 bytes for 5 s", "N3"),
    "resets": (_resets, "reset in mid-frame, five times", "N1"),
    "half-open": (_half_open, "the server's end gone, the client told nothing, twice", "N4"),
    "mute": (_mute, "accepted, then silence, for 5 s", "N4"),
}


def cases() -> list[Case]:
    return [
        Case(
            name=f"{link}-{name}",
            matrix=matrix,
            on=link,
            fault=words,
            act=trouble(link, name),
            restore=partial(heal, link),
            webhooks=400 if "21 s" not in words else 900,
            rate=60 if "21 s" not in words else 35,
            open_door=link != PROVIDER,
        )
        for link in EVERY_LINK
        for name, (_, words, matrix) in TROUBLES.items()
    ]


def trouble(link: str, name: str) -> Act:
    """Return one trouble of one link as an act; healed at its end."""
    act = TROUBLES[name][0]

    async def troubled(scene: Scene) -> None:
        try:
            await act(link, scene)
        finally:
            await heal(link, scene)

    return troubled


async def heal(link: str, scene: Scene) -> None:
    proxy = scene.house.links[link]
    proxy.heal()
    if not proxy.listening:
        await proxy.listen()
