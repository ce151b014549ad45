"""A second copy of what passes, for so many hours: the source of a gap after a backup was restored.

Two streams, each bound where the queue is that it copies: raw deliveries as they are filed, and events. A
stream gives its messages to whoever reads it, and keeps them all the same, until they are too old. It
is written with each publish, so it costs disk and a little of the broker's time; it is there where somebody
asked for it (`caudal topology apply --keep`).
https://www.rabbitmq.com/docs/streams
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiormq.exceptions import ChannelNotFoundEntity

from libs.bus.inbox import ANSWER_WITHIN, IDLE, Inbox
from libs.bus.link import connected
from libs.bus.message import Message, read
from libs.bus.tap import healing
from libs.bus.topology import (
    EVENTS,
    TO_ARCHIVE,
    WEBHOOKS,
    Argument,
    Exchange,
    Queue,
    TopologyReport,
    apply_topology,
)
from libs.runtime.failures import PermanentError, TemporaryError

KEPT_WEBHOOKS: Final = "caudal.kept.webhooks"
KEPT_EVENTS: Final = "caudal.kept.events"
# What is too old goes in pieces of this size.
SEGMENT_BYTES: Final = 100_000_000
AT_ONCE: Final = 500  # messages
BATCH_BYTES: Final = 8 * 1024 * 1024
EMPTY_AFTER: Final = 1.5  # seconds without a message after which the end is taken to be reached

Take = Callable[[Sequence[Message]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Stream(Queue):
    """A stream that takes what `exchange` routes to it. `holds_for` is how many seconds it keeps that."""

    def arguments(self) -> dict[str, Argument]:
        """Return what is declared with it."""
        return {
            "x-queue-type": "stream",
            "x-max-age": f"{self.holds_for}s",
            "x-stream-max-segment-size-bytes": SEGMENT_BYTES,
        }


async def keep_copies(url: str, seconds: int) -> TopologyReport:
    """Declare both streams. `TopologyConflictError` where they are there with another time.

    Raises `TemporaryError` where the broker cannot be reached.
    """
    streams = (
        Stream(KEPT_WEBHOOKS, WEBHOOKS, TO_ARCHIVE, dead_letters_to=None, holds_for=seconds),
        Stream(KEPT_EVENTS, EVENTS, "#", dead_letters_to=None, holds_for=seconds),
    )
    return await apply_topology(
        url, exchanges=(Exchange(WEBHOOKS), Exchange(EVENTS)), queues=streams
    )


async def read_kept(url: str, stream: str, take: Take) -> int:
    """Hand over what a stream has, from its first message on; return how many that was.

    Ends at its end, or where `take` says that it has enough. Raises `PermanentError` where there is no
    such stream, and `TemporaryError` where the broker goes away before the end.
    """
    taken = 0
    async with healing(url), connected(url, name=stream) as connection:
        channel = await connection.channel(publisher_confirms=False)
        await channel.basic_qos(prefetch_count=2 * AT_ONCE)
        inbox = Inbox(channel, stream, asyncio.Event(), idle_for=EMPTY_AFTER)
        try:
            await inbox.consume(stream, arguments={"x-stream-offset": "first"})
            while batch := await inbox.take(AT_ONCE, BATCH_BYTES):
                goes_on = await take([read(delivered) for delivered in batch])
                await channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True)
                taken += len(batch)
                if not goes_on:
                    return taken
        except ChannelNotFoundEntity as error:
            raise PermanentError(
                f"there is no {stream}: nobody asked for a copy to be kept"
            ) from error
        finally:
            inbox.close()
        if inbox.ended_by != IDLE:
            raise TemporaryError(f"{stream} was not read to its end: {inbox.ended_by}")
        async with asyncio.timeout(ANSWER_WITHIN):
            await channel.close()
    return taken
