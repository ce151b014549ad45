"""The turn to ask a provider: one reconciler has it at a time, so that the budget is the provider's.

Whoever takes it takes over what its predecessor had claimed; that an object is asked about once at a
time the claims see to. It runs out by itself where its holder died, froze or lost the database, and the
holder knows that without being told: its own count begins before the database's. Others look now and
then whether it is free.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from libs.runtime.failures import TemporaryError, where
from libs.runtime.metrics import POLL_TURN
from libs.store.database import Pool
from libs.store.turns import give_turn_back, take_turn

TURN: Final = 20  # seconds
RENEWED_EVERY: Final = 5
LOOK_EVERY: Final = 2
ANSWER_WITHIN: Final = 4  # so that one that was not renewed is tried again before it runs out

log = structlog.get_logger()


class Turn:
    """`name` is what the reconciler is called, also after a restart; `holder` is this process alone.

    Who begins takes the turn of its name from whoever had it, once. Two that run under one name
    are two all the same: the one that began last has the turn.
    """

    def __init__(self, pool: Pool, provider: str, *, name: str, holder: str) -> None:
        self._pool = pool
        self._provider = provider
        self._name = name
        self._holder = holder
        self._until: float = 0  # of the clock of this machine, which goes on while we are frozen
        self._begins = True

    @property
    def held(self) -> bool:
        """Whether it is ours, for certain."""
        return time.monotonic() < self._until

    @asynccontextmanager
    async def kept(
        self, taken: Callable[[], None], wanted: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[None]:
        """Take it whenever it is free, and renew it, as long as the block lasts; then give it back.

        `taken` is called each time it becomes ours. While it is not `wanted` it is another's to
        take. Raises `TemporaryError` where it cannot be given back at the end.
        """
        keeping = asyncio.create_task(self._keep(taken, wanted))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})
            self._until = 0
            POLL_TURN.labels(self._provider).set(0)
        await give_turn_back(self._pool, self._provider, holder=self._holder)

    async def _keep(self, taken: Callable[[], None], wanted: Callable[[], bool]) -> None:
        had = False
        while True:
            renewed = await (self._try() if wanted() else self._leave())
            has = self.held
            POLL_TURN.labels(self._provider).set(has)
            if has is not had:
                log.info("turn_taken" if has else "turn_lost", provider=self._provider)
            if has and not had:
                taken()
            had = has
            await asyncio.sleep(RENEWED_EVERY if renewed else LOOK_EVERY)

    async def _leave(self) -> bool:
        """Let another have it; where the database does not say, it runs out."""
        if self.held:
            self._until = 0
            with suppress(TemporaryError, TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN):
                    await give_turn_back(self._pool, self._provider, holder=self._holder)
        return False

    async def _try(self) -> bool:
        """Take or renew it; where the database does not say, it is ours until it runs out."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                ours = await take_turn(
                    self._pool, self._provider, name=self._name, holder=self._holder, seconds=TURN,
                    succeeds=self._begins,
                )  # fmt: skip
        except (TemporaryError, TimeoutError):
            log.warning("turn_waits", provider=self._provider)
            return False
        except Exception as error:  # noqa: BLE001 - a bug here must not end it unseen
            log.error("turn_failed", provider=self._provider, at=where(error))  # noqa: TRY400
            return False
        self._begins = False
        self._until = began + TURN if ours else 0
        return ours
