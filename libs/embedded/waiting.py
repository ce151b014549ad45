"""Polling, in one place: a server of somebody else's tells nobody when it is ready."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(
    condition: Callable[[], Awaitable[bool]], *, seconds: float, pause: float = 0.1
) -> None:
    """Ask `condition` again and again until it holds. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(pause)
