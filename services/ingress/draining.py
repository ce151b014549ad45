"""Brings what lies in the spool to the broker: oldest first, one message under way at a time.

It runs beside live traffic, which has a message of its own under way, so neither waits for the
other. A message leaves the spool when it is confirmed and not before: a crash in between brings it
twice, which has no effect. While it fails it is also the probe that tells when the broker is back.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from libs.bus.publisher import Outcome
from libs.runtime.backoff import Backoff
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import where
from libs.spool.spool import Spool
from services.ingress.ladder import Broker

FIRST_PAUSE: Final = 0.1  # seconds
LONGEST_PAUSE: Final = 3.0
POLL: Final = 0.05

log = structlog.get_logger()


class Drain:
    """Empties the spool whenever the broker is there."""

    def __init__(self, spool: Spool, broker: Broker, *, patience: float) -> None:
        self._spool = spool
        self._broker = broker
        self._patience = patience

    async def run(self) -> None:
        """Drain for ever; whoever has enough cancels."""
        pauses = Backoff(first=FIRST_PAUSE, most=LONGEST_PAUSE)
        while True:
            await self._spool.filled()
            try:
                drained = self._broker.there and await self._drain_one()
            except Exception as error:  # noqa: BLE001 - the message stays, and is tried again
                log.error("drain_failed", at=where(error))  # noqa: TRY400
                drained = False
            if drained:
                pauses.reset()
            else:
                await asyncio.sleep(pauses.pause())

    async def finish(self, until: float) -> None:
        """Return when nothing is left, or the broker takes no more, or it is time to go."""
        loop = asyncio.get_running_loop()
        while self._spool.records and self._broker.there and not self._broker.doubted:
            if loop.time() >= until:
                return
            await asyncio.sleep(POLL)

    async def _drain_one(self) -> bool:
        spooled = await self._spool.oldest()
        if spooled is None:
            return False
        until = asyncio.get_running_loop().time() + self._patience
        if await self._broker.deliver(spooled.message, until=until) is not Outcome.CONFIRMED:
            return False
        failpoint("spool.drained")
        await self._spool.remove(spooled)
        return True
