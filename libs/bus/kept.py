"""A second copy of what passes, for so many hours: the source of a gap after a backup was restored.

Two streams, each bound where the queue is that it copies: raw deliveries as they are filed, and events. A
stream gives its messages to whoever reads it, and keeps them all the same, until they are too old. It
is written with each publish, so it costs disk and a little of the broker's time; it is there where somebody
asked for it (`caudal topology apply --keep`).
https://www.rabbitmq.com/docs/streams
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiormq.abc import AbstractChannel, AbstractConnection
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
# More, and retention could forget on one side what is still in a copy (`libs.runtime.retention`).
LONGEST_HOURS: Final = 24 * 14
# What is too old goes in pieces of this size.
SEGMENT_BYTES: Final = 100_000_000
AT_ONCE: Final = 32  # messages; each may be as large as a delivery may be
BATCH_BYTES: Final = 8 * 1024 * 1024
# Seconds without a message, before the end was seen: a broker that stands still, and no end.
PATIENCE: Final = 60.0
# The same behind the end: nothing more comes.
EMPTY_AFTER: Final = 2.0
OFFSET: Final = "x-stream-offset"

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

    Where it ends is asked first, since silence is no end: a broker under load is silent as well. Ends
    there, or where `take` says that it has enough. Raises `PermanentError` where there is no such
    stream, and `TemporaryError` where the broker goes away, or is silent for long, before the end.
    """
    taken = 0
    async with healing(url), connected(url, name=stream) as connection:
        end = await _end_of(connection, stream)
        if end is None:
            return 0
        async with _read_from(connection, stream, "first", PATIENCE) as (channel, inbox):
            reached = -1
            while batch := await inbox.take(AT_ONCE, BATCH_BYTES):
                messages = [read(delivered) for delivered in batch]
                goes_on = await take(messages)
                await channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True)
                taken += len(batch)
                if not goes_on:
                    return taken
                reached = _offset(messages[-1])
                if reached >= end:
                    inbox.idle_for = EMPTY_AFTER
            if reached < end or inbox.ended_by != IDLE:
                raise TemporaryError(f"{stream} was not read to its end: {inbox.ended_by}")
    return taken


async def _end_of(connection: AbstractConnection, stream: str) -> int | None:
    """Return the offset of the last message; None for an empty stream.

    The broker gives the last chunk of the stream to who asks for its last. How many messages there are it
    says some seconds late; but for a stream that is written to at this moment, none are none.
    """
    channel = await connection.channel(publisher_confirms=False)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            declared = await channel.queue_declare(stream, passive=True)
    except ChannelNotFoundEntity as error:
        raise PermanentError(f"there is no {stream}: nobody asked for a copy to be kept") from error
    empty = not declared.message_count
    end: int | None = None
    patience = EMPTY_AFTER if empty else PATIENCE
    async with _read_from(connection, stream, "last", patience) as (channel, inbox):
        while batch := await inbox.take(AT_ONCE, BATCH_BYTES):
            end = _offset(read(batch[-1]))
            inbox.idle_for = EMPTY_AFTER
            await channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True)
        if inbox.ended_by != IDLE or (end is None and not empty):
            raise TemporaryError(f"where {stream} ends is not known: {inbox.ended_by}")
    return end


@contextlib.asynccontextmanager
async def _read_from(
    connection: AbstractConnection, stream: str, offset: str, patience: float
) -> AsyncIterator[tuple[AbstractChannel, Inbox]]:
    channel = await connection.channel(publisher_confirms=False)
    await channel.basic_qos(prefetch_count=2 * AT_ONCE)
    inbox = Inbox(channel, stream, asyncio.Event(), idle_for=patience)
    try:
        await inbox.consume(stream, arguments={OFFSET: offset})
        yield channel, inbox
    finally:
        inbox.close()
    async with asyncio.timeout(ANSWER_WITHIN):
        await channel.close()


def _offset(message: Message) -> int:
    found: int = message.headers[OFFSET]
    return found
