"""A queue of one's own at an exchange: durable, so that what passes meanwhile outlives the broker.

Unlike `tail`, which shows what passes while it is connected, a tap collects, and is read later:
what was read leaves it only after the reader has put it away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiormq.exceptions import ChannelNotFoundEntity

from libs.bus.inbox import ANSWER_WITHIN, Inbox
from libs.bus.link import connected
from libs.bus.message import Message, read
from libs.bus.topology import Exchange, Queue, apply_topology
from libs.runtime.failures import PermanentError

AT_ONCE: Final = 500  # messages put away and acknowledged together
BATCH_BYTES: Final = 8 * 1024 * 1024
EMPTY_AFTER: Final = 0.5  # seconds without a message after which the tap is taken to be empty


async def bind_tap(url: str, name: str, exchange: str, binding: str = "#") -> None:
    """Make the queue, or make sure of it. Raises `TemporaryError` where the broker is away."""
    queue = Queue(name, exchange, binding, dead_letters_to=None)
    await apply_topology(url, exchanges=(Exchange(exchange),), queues=(queue,))


async def drain_tap(url: str, name: str, put_away: Callable[[Sequence[Message]], None]) -> int:
    """Hand over what the queue holds, until it is empty; return how many messages that was.

    What was not handed over, or not acknowledged, comes again: a reader must bear repetitions.
    Raises `PermanentError` where there is no such queue.
    """
    taken = 0
    async with connected(url, name=name) as connection:
        channel = await connection.channel(publisher_confirms=False)
        await channel.basic_qos(prefetch_count=2 * AT_ONCE)
        inbox = Inbox(channel, name, asyncio.Event(), idle_for=EMPTY_AFTER)
        try:
            try:
                await inbox.consume(name)
            except ChannelNotFoundEntity as error:
                raise PermanentError(f"there is no queue {name}") from error
            while batch := await inbox.take(AT_ONCE, BATCH_BYTES):
                put_away([read(delivered) for delivered in batch])
                await channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True, wait=True)
                taken += len(batch)
        finally:
            inbox.close()
        async with asyncio.timeout(ANSWER_WITHIN):
            await channel.close()  # after the last acknowledgement, in order
    return taken


async def delete_tap(url: str, name: str) -> None:
    """Remove the queue with what is in it."""
    async with connected(url, name=name) as connection:
        channel = await connection.channel(publisher_confirms=False)
        async with asyncio.timeout(ANSWER_WITHIN):
            await channel.queue_delete(name)
