"""Where a message goes that our own processes cannot read: to `caudal.dead`, with the reason."""

from __future__ import annotations

from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import DEAD
from libs.runtime.failures import TemporaryError


async def bury(publisher: Publisher, message: Message, *, queue: str, reason: str) -> None:
    """Publish the message as it came to the dead-letter exchange, confirmed.

    Raises `TemporaryError` where it was not confirmed: the message then stays where it was.
    """
    outcome = await publisher.publish(
        DEAD,
        message.routing_key,
        message.body,
        content_type=message.content_type,
        headers={"x-caudal-queue": queue, "x-caudal-reason": reason},
    )
    if outcome is not Outcome.CONFIRMED:
        raise TemporaryError(f"the dead letter was not confirmed: {outcome}")
