"""What lies in `caudal.dead`: looked at without taking it, brought back, or taken away for good.

Messages are asked for one by one and stay unacknowledged, so that none is given twice, until the connection
is closed; what was not acknowledged is then in the queue again, in whatever order. One that is brought back
goes by `caudal.retry` to the queue that gave it up and leaves this one only after the broker has it there:
a crash in between brings it twice, which has no effect. Where it still cannot be read it is buried again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelNotFoundEntity

from libs.bus.link import connected
from libs.bus.publisher import Outcome, Publisher
from libs.bus.tap import healing
from libs.bus.topology import DEAD_QUEUE, QUEUES, RETRY
from libs.runtime.failures import PermanentError, TemporaryError

ASK_WITHIN: Final = 10.0  # seconds for one message
PUBLISH_WITHIN: Final = 10.0
# Queues that get messages back by their names.
WORKED_ON: Final = frozenset(queue.name for queue in QUEUES if queue.retried)
BY_THE_BROKER: Final = "given up by the broker: "


@dataclass(frozen=True, slots=True)
class Buried:
    """One message. `id` is made of where it came from and its bytes: copies have the same.

    `queue` is the one that gave it up ("" where nothing says so), `reason` our own words.
    """

    id: str
    queue: str
    reason: str
    content_type: str
    size: int

    @property
    def comes_back(self) -> bool:
        """Whether it can be brought back to its queue."""
        return self.queue in WORKED_ON


Choose = Callable[[Buried], bool]


@dataclass(slots=True)
class Raised:
    """What was brought back, what was chosen and belongs to no queue of ours, and what stayed."""

    back: list[Buried] = field(default_factory=list)
    homeless: list[Buried] = field(default_factory=list)
    left: int = 0


async def look(url: str, limit: int) -> tuple[list[Buried], int]:
    """Return the first messages, and how many there are. `TemporaryError` where the broker is away."""
    async with healing(url), connected(url, name="caudal-dead") as connection:
        channel = await connection.channel(publisher_confirms=False)
        count = await _count(channel)
        found = [_buried(each) async for each in _each(channel, min(count, limit))]
    return found, count


async def bring_back(url: str, choose: Choose) -> Raised:
    """Send the chosen ones to the queues that gave them up.

    Raises `TemporaryError` where the broker does not take one: that and the rest stay.
    """
    publisher = await Publisher.open(url, name="caudal-dead-publisher", deadline=PUBLISH_WITHIN)
    raised = Raised()
    try:
        async with healing(url), connected(url, name="caudal-dead") as connection:
            channel = await connection.channel(publisher_confirms=False)
            async for delivered in _each(channel, await _count(channel)):
                buried = _buried(delivered)
                if not choose(buried):
                    raised.left += 1
                elif not buried.comes_back:
                    raised.homeless.append(buried)
                else:
                    await _send(publisher, buried, delivered.body)
                    await _acknowledge(channel, delivered)
                    raised.back.append(buried)
    finally:
        await publisher.close()
    return raised


async def take_away(url: str, choose: Choose) -> list[Buried]:
    """Remove the chosen ones for good, and return them."""
    gone: list[Buried] = []
    async with healing(url), connected(url, name="caudal-dead") as connection:
        channel = await connection.channel(publisher_confirms=False)
        async for delivered in _each(channel, await _count(channel)):
            buried = _buried(delivered)
            if choose(buried):
                await _acknowledge(channel, delivered)
                gone.append(buried)
    return gone


async def _count(channel: AbstractChannel) -> int:
    try:
        declared = await channel.queue_declare(DEAD_QUEUE, passive=True, timeout=ASK_WITHIN)
    except ChannelNotFoundEntity as error:
        raise PermanentError(f"there is no queue {DEAD_QUEUE} (caudal topology apply)") from error
    return declared.message_count or 0


async def _each(channel: AbstractChannel, most: int) -> AsyncIterator[DeliveredMessage]:
    for _ in range(most):
        delivered = await channel.basic_get(DEAD_QUEUE, timeout=ASK_WITHIN)
        if delivered.delivery_tag is None:
            return
        yield delivered


async def _send(publisher: Publisher, buried: Buried, body: bytes) -> None:
    outcome = await publisher.publish(RETRY, buried.queue, body, content_type=buried.content_type)
    if outcome is not Outcome.CONFIRMED:
        raise TemporaryError(f"{buried.queue} did not take a message back: {outcome}")


async def _acknowledge(channel: AbstractChannel, delivered: DeliveredMessage) -> None:
    async with asyncio.timeout(ASK_WITHIN):
        await channel.basic_ack(delivered.delivery_tag or 0, wait=True)


def _buried(delivered: DeliveredMessage) -> Buried:
    properties = delivered.header.properties
    headers: dict[str, Any] = dict(properties.headers or {})
    queue, reason = _told(headers)
    digest = hashlib.sha256(queue.encode() + b"\n" + delivered.body).hexdigest()
    return Buried(digest[:16], queue, reason, properties.content_type or "", len(delivered.body))


def _told(headers: dict[str, Any]) -> tuple[str, str]:
    """Return which queue gave it up, and why: by our own headers, else by the broker's."""
    queue, reason = headers.get("x-caudal-queue"), headers.get("x-caudal-reason")
    if isinstance(queue, str):
        return queue, reason if isinstance(reason, str) else ""
    deaths = headers.get("x-death")
    for death in deaths if isinstance(deaths, Sequence) else ():
        name = death.get("queue") if isinstance(death, dict) else None
        if isinstance(name, str) and name != DEAD_QUEUE and not name.startswith("caudal.delay."):
            return name, BY_THE_BROKER + str(death.get("reason", "unknown"))
    return "", ""
