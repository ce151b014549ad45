"""How much may be asked of one provider: so many calls a second, so many at a time.

All sources of a provider share one budget in a process. A call waits for its turn; who does not want
to wait looks at `free` first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiolimiter import AsyncLimiter


class Budget:
    """`rate` is calls per second, `concurrency` calls under way."""

    def __init__(self, *, rate: float, concurrency: int) -> None:
        # A leaky bucket of one second, or of one call where that takes longer than a second.
        self._limiter = AsyncLimiter(max(rate, 1.0), max(1.0, 1.0 / rate))
        self._slots = asyncio.Semaphore(concurrency)
        self.concurrency = concurrency
        self.under_way = 0

    @property
    def free(self) -> bool:
        """Whether a call could begin now."""
        return not self._slots.locked() and self._limiter.has_capacity()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it as long as the block lasts."""
        async with self._slots:
            await self._limiter.acquire()
            self.under_way += 1
            try:
                yield
            finally:
                self.under_way -= 1
