"""Batches that do not follow each other too closely.

Without a timer, a thin stream is handled at once and a thick one in large batches. In between, at a
thousand webhooks a second, each is a batch of its own at every stage, with its transaction, its
publishes and its wake-ups: the whole took 1,340 µs of CPU a webhook, three times what it takes at
full load. So a batch that follows another within milliseconds waits for the rest of them, and
takes along what comes meanwhile. What comes alone still waits for nothing.
"""

from __future__ import annotations

import asyncio


class Pace:
    """Begins are at least `apart` seconds from each other; the first is at once."""

    def __init__(self, apart: float) -> None:
        self._apart = apart
        self._next = 0.0

    async def turn(self) -> None:
        """Return when something may begin."""
        clock = asyncio.get_running_loop().time
        early = self._next - clock()
        if early > 0:
            await asyncio.sleep(early)
        self._next = clock() + self._apart
