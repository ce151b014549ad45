"""Durable accept: a delivery is accepted when the broker has confirmed the message it left in.

Group commit: while one confirm is under way, what arrives waits together and leaves as the next
message. There is no timer, so nothing waits when there is nothing to wait for, and under load the
messages grow by themselves.

A request waits until its deadline. What was not confirmed by then is refused, although it may
have arrived: the sender repeats it, and a repetition has no effect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_received import Packed, join, pack
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import where

# After a failure the process calls itself not ready for so long, unless a message gets through.
DOUBT: Final = 5.0  # seconds
# The publisher keeps its own deadline; this much later it is taken to hang.
_MARGIN: Final = 1.0  # seconds

log = structlog.get_logger()


class RefusedError(Exception):
    """The delivery is not known to be safe. The message says why in one word."""


@dataclass(slots=True)
class _Waiting:
    packed: Packed | None
    answer: asyncio.Future[Outcome]


class Acceptor:
    """Collects deliveries into messages, one message under way at a time."""

    def __init__(
        self,
        publisher: Publishing,
        *,
        deadline: float,
        batch_deliveries: int,
        batch_bytes: int,
    ) -> None:
        self._publisher = publisher
        self._deadline = deadline
        self._batch_deliveries = batch_deliveries
        self._batch_bytes = batch_bytes
        self._waiting: deque[_Waiting] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._failed_at: float | None = None

    @property
    def ready(self) -> bool:
        """Whether a delivery that came now would be accepted, as far as can be told."""
        now = asyncio.get_running_loop().time()
        doubtful = self._failed_at is not None and now - self._failed_at < DOUBT
        return self._publisher.ready and not doubtful

    async def accept(self, delivery: Delivery) -> None:
        """Return when the delivery is safe; raise `RefusedError` where it may not be."""
        failpoint("ingress.received")
        waiting = _Waiting(pack(delivery), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._pump is None:
            self._pump = asyncio.create_task(self._publish_all(), name="ingress-publish")
        try:
            async with asyncio.timeout(self._deadline):
                outcome = await waiting.answer
        except TimeoutError:
            self._note(Outcome.UNKNOWN)
            raise RefusedError("deadline") from None
        finally:
            waiting.packed = None
        if outcome is not Outcome.CONFIRMED:
            raise RefusedError(outcome.value)

    async def drain(self) -> None:
        """Wait until nothing is under way any more; bounded by the deadline of each message."""
        while (pump := self._pump) is not None:
            await asyncio.wait({pump})

    async def _publish_all(self) -> None:
        try:
            while batch := self._next_batch():
                await self._publish(batch)
        finally:
            self._pump = None

    def _next_batch(self) -> list[_Waiting]:
        """Take what waits, at least one and within the limits; whoever gave up is left out."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < self._batch_deliveries:
            first = self._waiting[0]
            if first.packed is None or first.answer.done():
                self._waiting.popleft()
                continue
            if batch and size + first.packed.size > self._batch_bytes:
                break
            size += first.packed.size
            batch.append(self._waiting.popleft())
        return batch

    async def _publish(self, batch: list[_Waiting]) -> None:
        outcome = Outcome.UNKNOWN
        try:
            async with asyncio.timeout(self._deadline + _MARGIN):
                outcome = await deliver(
                    self._publisher,
                    join([waiting.packed for waiting in batch if waiting.packed is not None]),
                )
                failpoint("ingress.confirmed")
        except TimeoutError:
            log.warning("publish_hangs", deliveries=len(batch))
        except Exception as error:  # noqa: BLE001 - a bug of the publisher becomes a refusal: safe
            log.error("publish_failed", deliveries=len(batch), at=where(error))  # noqa: TRY400
        finally:
            self._note(outcome)
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)

    def _note(self, outcome: Outcome) -> None:
        confirmed = outcome is Outcome.CONFIRMED
        if not confirmed and self._failed_at is None:
            log.warning("accept_failing", outcome=outcome.value)
        if confirmed and self._failed_at is not None:
            log.info("accept_recovered")
        self._failed_at = None if confirmed else asyncio.get_running_loop().time()
