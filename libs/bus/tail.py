"""Watching without taking: a private copy of what passes an exchange, and the depth of queues."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Final

from aiormq.abc import AbstractChannel
from aiormq.exceptions import AMQPError, ChannelNotFoundEntity
from pamqp.commands import Queue

from libs.bus.inbox import Inbox
from libs.bus.link import cancelled_by_us, connected
from libs.bus.message import Message, read
from libs.runtime.failures import PermanentError, TemporaryError

BIND_WITHIN: Final = 10.0  # seconds
AT_ONCE: Final = 100  # messages taken together, only to spare steps
NO_LIMIT: Final = 1 << 62


@contextlib.asynccontextmanager
async def tail(
    url: str, exchange: str, binding: str = "#"
) -> AsyncIterator[AsyncIterator[Message]]:
    """Show what the exchange gets from now on under `binding`; other queues get theirs all the same.

        async with tail(url, EVENTS) as events:   # bound: nothing published from here on is missed
            async for message in events: ...

    The queue is exclusive, so it goes with the connection. The iterator ends by ConnectionError
    when the connection does; who must miss nothing needs a queue of their own. Raises
    PermanentError where there is no such exchange.
    """
    async with connected(url, name="tail") as connection:
        channel = await connection.channel(publisher_confirms=False)
        inbox = Inbox(channel, "tail", asyncio.Event())
        try:
            async with asyncio.timeout(BIND_WITHIN):
                await _bind(channel, exchange, binding, inbox)
            async with contextlib.aclosing(_messages(inbox)) as messages:
                yield messages
        finally:
            inbox.close()


async def queue_depths(url: str, queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages wait in each queue, without those that a consumer has in hand.

    Raises PermanentError for a queue that does not exist.
    """
    return {name: said.message_count or 0 async for name, said in _asked(url, queues)}


async def backlog(url: str, queues: Iterable[str]) -> int:
    """Return how many messages wait in these queues together.

    Raises `TemporaryError` where that cannot be told now: no broker, or no such queue yet.
    """
    try:
        return sum((await queue_depths(url, queues)).values())
    except asyncio.CancelledError:  # the client library, where it gives a silent broker up
        if cancelled_by_us():
            raise
        raise TemporaryError("the backlog is not known: the broker is stuck") from None
    except (AMQPError, OSError, TimeoutError, PermanentError) as error:
        raise TemporaryError(f"the backlog is not known: {type(error).__name__}") from error


async def consumer_counts(url: str, queues: Iterable[str]) -> dict[str, int]:
    """Return how many consumers each queue has. Raises PermanentError for one that is missing."""
    return {name: said.consumer_count or 0 async for name, said in _asked(url, queues)}


async def _asked(url: str, queues: Iterable[str]) -> AsyncIterator[tuple[str, Queue.DeclareOk]]:
    async with connected(url, name="asking") as connection:
        channel = await connection.channel(publisher_confirms=False)
        for queue in queues:
            try:
                declared = await channel.queue_declare(queue, passive=True, timeout=BIND_WITHIN)
            except ChannelNotFoundEntity as error:
                raise PermanentError(f"there is no queue {queue}") from error
            yield queue, declared


async def _bind(channel: AbstractChannel, exchange: str, binding: str, inbox: Inbox) -> None:
    declared = await channel.queue_declare(exclusive=True, auto_delete=True)
    queue = declared.queue or ""
    try:
        await channel.queue_bind(queue, exchange, binding)
    except ChannelNotFoundEntity as error:
        raise PermanentError(f"there is no exchange {exchange}") from error
    await inbox.consume(queue, no_ack=True)


async def _messages(inbox: Inbox) -> AsyncGenerator[Message]:
    while batch := await inbox.take(AT_ONCE, NO_LIMIT):
        for delivered in batch:
            yield read(delivered)
    raise ConnectionError(inbox.ended_by)
