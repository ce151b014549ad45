"""Providers that can be asked: their APIs fail, and whoever asks dies, while webhooks come and are lost.

A share of what the providers have to say never comes, so the oracle's verdict is clean only where
the truth was found by asking; and a webhook waits for no API.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Final

from services.sandbox.chaos import ApiFaults
from tests.faults.case import Case, Scene
from tests.faults.deaths import dying_at, kills_of
from tests.faults.house import APIS, POSTGRES, Shape
from tests.faults.outages import kill_postgres
from tests.faults.severed import heal, trouble

ASKING: Final = Shape(asks=True, links=(APIS, POSTGRES))
FAILS_FOR: Final = 10.0  # seconds

# The point, and at which passes of it the process dies: once in each of two lives.
POINTS: Final = {
    "poll.claimed": (4, 2),
    "poll.answered": (4, 2),
    "poll.published": (4, 2),
    "poll.noted": (4, 2),
}
TROUBLES: Final = {
    "cut": "connections refused for 5 s",
    "black-hole": "nothing passes either way for 5 s",
    "mute": "accepted, then silence, for 5 s",
    "resets": "reset in mid-answer, five times",
    "slow": "10 kB/s for 5 s",
}
# Each is what all APIs do for a while, and what that is called.
FAULTS: Final = {
    "500": (ApiFaults(errors=1.0), "every call answered 500 for 10 s"),
    "silent": (ApiFaults(timeouts=1.0), "no call answered for 10 s"),
    "half": (ApiFaults(half=1.0), "every answer breaks off for 10 s"),
    "limit": (ApiFaults(limit=1), "more than one call a second refused for 10 s"),
}


def cases() -> list[Case]:
    one = Case(
        name="", matrix="A", on="provider's API", fault="", act=_fail, shape=ASKING, webhooks=500,
        rate=60, quiet_within=150.0,
    )  # fmt: skip
    return [
        *(
            dying_at(
                point, passes, "reconciler", replace(one, name=f"kill-at-{point}", matrix="A C3")
            )
            for point, passes in POINTS.items()
        ),
        *(
            replace(
                one, name=f"{APIS}-{name}", matrix="A N", fault=words, act=trouble(APIS, name),
                restore=partial(heal, APIS),
            )
            for name, words in TROUBLES.items()
        ),
        *(
            replace(one, name=f"{APIS}-{name}", fault=words, act=partial(_fail, faults=faults))
            for name, (faults, words) in FAULTS.items()
        ),
        replace(
            one, name="asking-random-kills", matrix="A C3 P5", on="reconciler, provider's API",
            fault="SIGKILL at random moments for 8 s, a third of the calls failing", act=_die_beside,
            webhooks=700,
        ),
        replace(
            one, name="asking-kill-postgres", matrix="A C8", on="postgres",
            fault="kill -9 of the postmaster while they ask, started again after 3 s",
            act=kill_postgres, webhooks=700,
        ),
    ]  # fmt: skip


async def _fail(scene: Scene, faults: ApiFaults = FAULTS["500"][0]) -> None:
    before = _failures(scene)
    scene.load.apis.faults = faults
    try:
        await asyncio.sleep(FAILS_FOR)
    finally:
        scene.load.apis.faults = ApiFaults()
    assert _failures(scene) > before, "nobody asked meanwhile, so nothing was shown"


def _failures(scene: Scene) -> int:
    """Return how many calls were not answered as they should be, so far."""
    found = scene.load.apis.outcomes.values()
    return sum(n for each in found for kind, n in each.items() if not kind.isdigit())


async def _die_beside(scene: Scene) -> None:
    scene.load.apis.faults = ApiFaults(errors=0.2, timeouts=0.05, half=0.1)
    try:
        await kills_of("reconciler")(scene)
    finally:
        scene.load.apis.faults = ApiFaults()
