"""What one channel has delivered and nobody has taken yet, and the end of that channel.

Tags of a channel are contiguous and batches are cut from the front, so the tag of the last message
of a batch acknowledges the batch and nothing behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

QUIET_WITHIN: Final = 2.0  # seconds to tell the broker to send no more


class Inbox:
    """Collects deliveries of `channel` until it is lost, the queue goes away or `stop` is set.

    `ended` is set by any of the three, `ended_by` names it; `stopped` is done when `stop` is set.
    """

    def __init__(self, channel: AbstractChannel, tag: str, stop: asyncio.Event) -> None:
        self.ended = asyncio.Event()
        self.ended_by = ""
        self.stopped = asyncio.create_task(stop.wait())
        self.stopped.add_done_callback(lambda _: self._end("stop"))
        self._channel = channel
        self._tag = tag
        self._arrived: deque[DeliveredMessage] = deque()
        self._wake = asyncio.Event()
        self._lost = channel.closing
        self._lost.add_done_callback(self._on_lost)
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)

    async def put(self, delivered: DeliveredMessage) -> None:
        """Take a delivery; called by the client library, in the order of the tags."""
        self._arrived.append(delivered)
        self._wake.set()

    async def take(self, max_messages: int, max_bytes: int) -> list[DeliveredMessage]:
        """Wait for a message, then return what is here up to the limits; empty at the end."""
        while not self._arrived and not self.ended.is_set():
            self._wake.clear()
            await self._wake.wait()
        if self.ended.is_set():
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

    def _on_lost(self, lost: asyncio.Future[object]) -> None:
        reason = "stuck" if lost.cancelled() else repr(lost.exception())
        self._end(f"channel lost: {reason}")

    def _on_cancel(self, _: Basic.Cancel) -> None:
        self._end("cancelled by the broker: the queue is gone or moves")

    def _end(self, reason: str) -> None:
        self.ended_by = self.ended_by or reason
        self.ended.set()
        self._wake.set()
