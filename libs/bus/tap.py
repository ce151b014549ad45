"""A queue of one's own at an exchange: durable, so that what passes meanwhile outlives the broker.

Unlike `tail`, which shows what passes while it is connected, a tap collects, and is read later:
what was read leaves it only after the reader has put it away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from aiormq.exceptions import AMQPError, ChannelNotFoundEntity

from libs.bus.inbox import ANSWER_WITHIN, Inbox
from libs.bus.link import cancelled_by_us, connected, place
from libs.bus.message import Message, read
from libs.bus.tail import queue_depths
from libs.bus.topology import Exchange, Queue, apply_topology
from libs.runtime.failures import PermanentError, TemporaryError

AT_ONCE: Final = 500  # messages put away and acknowledged together
BATCH_BYTES: Final = 8 * 1024 * 1024
EMPTY_AFTER: Final = 0.5  # seconds without a message after which the tap is taken to be empty


@contextlib.asynccontextmanager
async def healing(url: str) -> AsyncIterator[None]:
    """Turn what time heals, the broker being away or coming back, into `TemporaryError`."""
    try:
        yield
    except asyncio.CancelledError:
        if cancelled_by_us():
            raise
        raise TemporaryError(f"the broker at {place(url)} went away") from None
    except (AMQPError, OSError, TimeoutError) as error:
        raise TemporaryError(f"the broker at {place(url)}: {type(error).__name__}") from error


async def bind_tap(url: str, name: str, exchange: str, binding: str = "#") -> None:
    """Make the queue, or make sure of it. Raises `TemporaryError` where the broker is away."""
    queue = Queue(name, exchange, binding, dead_letters_to=None)
    await apply_topology(url, exchanges=(Exchange(exchange),), queues=(queue,))


async def tap_exists(url: str, name: str) -> bool:
    """Tell whether there is such a queue. Raises `TemporaryError` where the broker is away."""
    async with healing(url):
        try:
            await queue_depths(url, [name])
        except PermanentError:
            return False
    return True


async def drain_tap(url: str, name: str, put_away: Callable[[Sequence[Message]], None]) -> int:
    """Hand over what the queue holds, until it is empty; return how many messages that was.

    What was not handed over, or not acknowledged, comes again: a reader must bear repetitions.
    Raises `PermanentError` where there is no such queue, and `TemporaryError` where the broker is
    away.
    """
    taken = 0
    failed: Exception | None = None
    async with healing(url), connected(url, name=name) as connection:
        channel = await connection.channel(publisher_confirms=False)
        await channel.basic_qos(prefetch_count=2 * AT_ONCE)
        inbox = Inbox(channel, name, asyncio.Event(), idle_for=EMPTY_AFTER)
        try:
            await _consume(inbox, name)
            while batch := await inbox.take(AT_ONCE, BATCH_BYTES):
                try:
                    put_away([read(delivered) for delivered in batch])
                except Exception as error:  # noqa: BLE001 - the reader's, and no trouble with the broker
                    failed = error
                    break
                await channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True, wait=True)
                taken += len(batch)
        finally:
            inbox.close()
        async with asyncio.timeout(ANSWER_WITHIN):
            await channel.close()  # after the last acknowledgement, in order
    if failed is not None:
        raise failed
    return taken


async def _consume(inbox: Inbox, name: str) -> None:
    try:
        await inbox.consume(name)
    except ChannelNotFoundEntity as error:
        raise PermanentError(f"there is no queue {name}") from error


async def delete_tap(url: str, name: str) -> None:
    """Remove the queue with what is in it. Raises `TemporaryError` where the broker is away."""
    async with healing(url), connected(url, name=name) as connection:
        channel = await connection.channel(publisher_confirms=False)
        async with asyncio.timeout(ANSWER_WITHIN):
            await channel.queue_delete(name)
