"""Waiting for a condition, with a deadline instead of a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PROBE_EVERY = 0.02


async def until(condition: Callable[[], object | Awaitable[object]], within: float = 10.0) -> None:
    """Return as soon as the condition holds; fail when it does not within so many seconds."""
    async with asyncio.timeout(within):
        while True:
            holds = condition()
            if isinstance(holds, Awaitable):
                holds = await holds
            if holds:
                return
            await asyncio.sleep(PROBE_EVERY)
