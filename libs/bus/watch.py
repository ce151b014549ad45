"""Looking at the depths of queues every few seconds, over one connection that is kept.

It is not the connection of a consumer: one that is stuck is what the figures are wanted for. To ask how deep a
queue is needs no permission. While the broker does not answer, nothing is told of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity

from libs.bus.inbox import ANSWER_WITHIN
from libs.bus.link import keep
from libs.bus.standing import standing_of
from libs.runtime.queue_metrics import LOOK_EVERY, QUEUE_MESSAGES

MISSING_FOR: Final = (
    60.0  # seconds until a queue that is missing is asked for again: the broker logs each time
)


@contextlib.asynccontextmanager
async def watching(
    url: str, *, name: str, consumed: Sequence[str], beside: Sequence[str] = ()
) -> AsyncIterator[None]:
    """Tell the figures of the queues that this process consumes, as long as the block lasts.

    Of those `beside`, from which it does not consume, only how many messages wait.
    """

    async def session(connection: AbstractConnection) -> None:
        try:
            await _look(connection, consumed, beside)
        finally:
            for queue in consumed:
                standing_of(queue).unknown()
            for queue in beside:
                _forget(queue)

    looking = asyncio.create_task(
        keep(url, name=f"{name}-watch", session=session, until=asyncio.Event()), name="watch queues"
    )
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait({looking})


async def _look(
    connection: AbstractConnection, consumed: Sequence[str], beside: Sequence[str]
) -> None:
    open_channel = partial(connection.channel, publisher_confirms=False)
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(ANSWER_WITHIN):
        channel = await open_channel()
    missing: dict[str, float] = {}  # when each was asked for
    while True:
        async with asyncio.timeout(ANSWER_WITHIN):
            for queue in (*consumed, *beside):
                if clock() - missing.get(queue, -MISSING_FOR) < MISSING_FOR:
                    continue
                depth = await _depth(channel, queue)
                if depth is None:  # the broker has closed the channel on which it was asked
                    missing[queue] = clock()
                    channel = await open_channel()
                if queue in beside:
                    _tell(queue, depth)
                elif depth is None:
                    standing_of(queue).unknown()
                else:
                    standing_of(queue).looked(clock(), *depth)
        await asyncio.sleep(LOOK_EVERY)


async def _depth(channel: AbstractChannel, queue: str) -> tuple[int, int] | None:
    """Return how many messages wait in a queue, and how many consumers it has; None: there is none."""
    try:
        said = await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return None
    return said.message_count or 0, said.consumer_count or 0


def _tell(queue: str, depth: tuple[int, int] | None) -> None:
    if depth is None:
        _forget(queue)
    else:
        QUEUE_MESSAGES.labels(queue).set(depth[0])


def _forget(queue: str) -> None:
    with contextlib.suppress(KeyError):
        QUEUE_MESSAGES.remove(queue)
