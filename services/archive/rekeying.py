"""`caudal archive rekey`: everything in the database that does not rest under the newest key, anew.

count ─► walk each place in portions, a transaction each ─► again where rows were held ─► count
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from libs.runtime.failures import TemporaryError
from libs.store.database import Pool
from libs.store.rekey import FIRST, Key, Place, Step, rekey_some, resting

ROUNDS: Final = 5  # through a place in which others hold rows
PAUSE: Final = 1.0  # seconds between them
ATTEMPTS: Final = 8  # at a transaction that time may heal
FIRST_PAUSE: Final = 0.2  # seconds between them, doubling

Progress = Callable[[str], None]
Counted = dict[Place, Counter[str]]


@dataclass(slots=True)
class Rekeyed:
    """What was done, and what rests under which key afterwards.

    `unopened` counts what could not be opened, by the name of the key that is missing, or `altered`.
    """

    done: Counter[Place] = field(default_factory=Counter)
    unopened: Counter[str] = field(default_factory=Counter)
    resting: Counted = field(default_factory=dict)


def not_under(newest: str, counted: Counted) -> int:
    """Return how many raw bodies do not rest under the newest key."""
    return sum(
        count for places in counted.values() for name, count in places.items() if name != newest
    )


async def rekey(pool: Pool, newest: str, on_progress: Progress) -> Rekeyed:
    """Seal anew all that does not rest under the newest key; the pool has the keys.

    What others write meanwhile under an older key, because they have not the newest, is left: the
    last count has it.
    """
    found = Rekeyed()
    wanted = not_under(newest, await resting(pool))
    for place in Place:
        for turn in range(ROUNDS):
            if turn:
                await asyncio.sleep(PAUSE)
            held, unopened = await _walk(pool, place, found, wanted, on_progress)
            if not held:
                break
        found.unopened += unopened
    found.resting = await resting(pool)
    return found


async def _walk(
    pool: Pool, place: Place, found: Rekeyed, wanted: int, on_progress: Progress
) -> tuple[int, Counter[str]]:
    """Go once through a place; return how many rows others held, and what could not be opened."""
    held, unopened = 0, Counter[str]()
    after: Key | None = FIRST[place]
    while after is not None:
        step = await _healed(pool, place, after)
        after = step.last
        found.done[place] += step.done
        held += step.held
        unopened += step.unopened
        on_progress(f"{found.done.total()} of {wanted} sealed anew, in {place}")
    return held, unopened


async def _healed(pool: Pool, place: Place, after: Key) -> Step:
    """Do one portion; what time heals is tried again, for about a minute."""
    pause = FIRST_PAUSE
    for _ in range(ATTEMPTS):
        try:
            return await rekey_some(pool, place, after)
        except TemporaryError:
            await asyncio.sleep(pause)
            pause *= 2
    return await rekey_some(pool, place, after)
