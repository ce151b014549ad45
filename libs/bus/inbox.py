"""What one channel has delivered and nobody has taken yet, and the end of that channel.

Tags of a channel are contiguous and batches are cut from the front, so the tag of the last message
of a batch acknowledges the batch and nothing behind it.

A queue that is deleted and declared again within some 50 ms, while we hold messages of the old one,
leaves a consumer that RabbitMQ 3.10 neither cancels nor feeds: the broker counts the messages as
ours and drops them on the way. Nothing that can be asked over AMQP shows it. Therefore an inbox
with `idle_for` ends after so many seconds without a delivery, and a fresh channel takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Final

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic
from pamqp.common import FieldValue

from libs.bus.link import wait_for_event

QUIET_WITHIN: Final = 2.0  # seconds to tell the broker to send no more
ANSWER_WITHIN: Final = 10.0  # seconds for what the broker has to answer
IDLE: Final = "idle"


class Inbox:
    """Collects deliveries of `channel` until it is lost, the queue goes away or `stop` is set.

    `ended` is set by any of these and by idleness, `ended_by` names it; `stopped` is done when `stop` is set.
    `idle_for` may be changed between two batches.
    """

    def __init__(
        self,
        channel: AbstractChannel,
        tag: str,
        stop: asyncio.Event,
        *,
        idle_for: float | None = None,
    ) -> None:
        self.ended = asyncio.Event()
        self.ended_by = ""
        self.stopped = asyncio.create_task(stop.wait())
        self.stopped.add_done_callback(lambda _: self._end("stop"))
        self._channel = channel
        self._tag = tag
        self.idle_for = idle_for
        self._arrived: deque[DeliveredMessage] = deque()
        self._wake = asyncio.Event()
        self._lost = channel.closing
        self._lost.add_done_callback(self._on_lost)
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)

    async def consume(
        self, queue: str, *, no_ack: bool = False, arguments: dict[str, FieldValue] | None = None
    ) -> None:
        """Ask the broker for the messages of this queue; a stream wants to be told from where."""
        more: dict[str, Any] = {} if arguments is None else {"arguments": arguments}
        async with asyncio.timeout(ANSWER_WITHIN):
            await self._channel.basic_consume(
                queue, self._put, no_ack=no_ack, consumer_tag=self._tag, **more
            )

    async def arrived(self) -> bool:
        """Wait for a message; False at the end."""
        while not self._arrived and not self.ended.is_set():
            self._wake.clear()
            if not await wait_for_event(self._wake, self.idle_for):
                self._end(IDLE)
        return not self.ended.is_set()

    async def take(self, max_messages: int, max_bytes: int) -> list[DeliveredMessage]:
        """Wait for a message, then return what is here up to the limits; empty at the end."""
        await self.arrived()
        return self.take_now(max_messages, max_bytes)

    def take_now(self, max_messages: int, max_bytes: int) -> list[DeliveredMessage]:
        """Return what is here up to the limits, at least one message; empty at the end."""
        if self.ended.is_set() or not self._arrived:
            return []
        batch = [self._arrived.popleft()]
        room = max_bytes - len(batch[0].body)
        while self._arrived and len(batch) < max_messages:
            room -= len(self._arrived[0].body)
            if room < 0:
                break
            batch.append(self._arrived.popleft())
        return batch

    async def quiet(self) -> None:
        """Ask the broker to send no more, so that others get what we would only give back."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(QUIET_WITHIN):
                await self._channel.basic_cancel(self._tag, nowait=True)

    def close(self) -> None:
        """Stop watching; what has not been taken stays unacknowledged."""
        self.stopped.cancel()
        self._lost.remove_done_callback(self._on_lost)
        self._lost.cancel()
        self._arrived.clear()

    async def _put(self, delivered: DeliveredMessage) -> None:
        """Take a delivery; called by the client library, in the order of the tags."""
        self._arrived.append(delivered)
        self._wake.set()

    def _on_lost(self, lost: asyncio.Future[object]) -> None:
        reason = "stuck" if lost.cancelled() else repr(lost.exception())
        self._end(f"channel lost: {reason}")

    def _on_cancel(self, _: Basic.Cancel) -> None:
        self._end("cancelled by the broker: the queue is gone or moves")

    def _end(self, reason: str) -> None:
        self.ended_by = self.ended_by or reason
        self.ended.set()
        self._wake.set()
