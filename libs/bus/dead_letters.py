"""Where a message goes that our own processes cannot read: to `caudal.dead`, with the reason."""

from __future__ import annotations

from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import DEAD
from libs.runtime.failures import TemporaryError


async def bury(
    publisher: Publisher, body: bytes, *, content_type: str, queue: str, reason: str
) -> None:
    """Publish to the dead-letter exchange what `queue` cannot go on with, confirmed.

    Raises `TemporaryError` where it was not confirmed: the message then stays where it was.
    """
    outcome = await publisher.publish(
        DEAD,
        queue,
        body,
        content_type=content_type,
        headers={"x-caudal-queue": queue, "x-caudal-reason": reason},
    )
    if outcome is not Outcome.CONFIRMED:
        raise TemporaryError(f"the dead letter was not confirmed: {outcome}")
