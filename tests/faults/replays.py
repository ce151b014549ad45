"""Operators replay while processes die, and their own command dies too: nothing happens twice.

The mappings are the same as before, so that a replay has nothing to change.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from functools import partial
from typing import Any, Final

from tests.faults import deaths
from tests.faults.case import Case, Scene
from tests.faults.kept import variables

ROUNDS: Final = 2  # each of them once killed and once to the end
KILLED_AFTER: Final = (0.6, 2.5)  # seconds from the command's start
ENDS_WITHIN: Final = 90.0
WORKERS: Final = ("normalizer", "reconciler")

PARKED: Final = ("parked", "replay", "--all", "--json", "--timeout", "60")
ARCHIVED: Final = ("replay", "--since", "1d", "--json")


def cases() -> list[Case]:
    return [
        Case(
            name=f"replay-{what}-among-kills",
            matrix="C2 C3 R1",
            on="normalizer, reconciler, the command",
            fault=f"`caudal {name}` four times, twice killed, while workers are killed",
            act=partial(_replayed, words),
            webhooks=1200,
            warm=0.4,
        )
        for what, name, words in (
            ("parked", "parked replay", PARKED),
            ("archived", "replay", ARCHIVED),
        )
    ]


async def _replayed(words: tuple[str, ...], scene: Scene) -> None:
    killing = asyncio.create_task(deaths.random_kills(WORKERS, scene))
    for _ in range(ROUNDS):
        await _command(words, scene, killed_after=scene.chance.uniform(*KILLED_AFTER))
        told = await _command(words, scene)
        if words is PARKED:
            assert told["asked"] > 0, "nothing was parked yet"
            assert told["not_taken"] == [] == told["missing"], told
    await killing


async def _command(
    words: tuple[str, ...], scene: Scene, *, killed_after: float | None = None
) -> dict[str, Any]:
    """Run it to its end, or kill it. Raises AssertionError where it fails by itself."""
    room = scene.house.room
    told = scene.house.ingress.environment | {
        "CAUDAL_POSTGRES_DSN": room.dsn,
        "CAUDAL_AMQP_URL": room.amqp_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "services.cli",
        *words,
        env=variables(told),
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(ENDS_WITHIN if killed_after is None else killed_after):
            out, _ = await process.communicate()
    except TimeoutError:
        assert killed_after is not None, f"caudal {' '.join(words)} does not end"
        return {}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"caudal {' '.join(words)}: exit code {process.returncode}"
    found = json.loads(out)
    return found if isinstance(found, dict) else {}
