"""Waiting for a condition, with a deadline instead of a guess."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from libs.embedded.rabbitmq import EmbeddedRabbit
from tests.processes import stopped

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


@asynccontextmanager
async def standing_still(broker: EmbeddedRabbit) -> AsyncIterator[None]:
    """Stop the broker's process for the length of the block, which begins when no thread of it runs."""
    node = broker.node
    assert node is not None
    node.send(signal.SIGSTOP)
    try:
        await until(lambda: stopped(node.pid))
        yield
    finally:
        node.send(signal.SIGCONT)
