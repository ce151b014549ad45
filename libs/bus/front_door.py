"""The one door: how a raw delivery enters, whoever brings it.

A message of raw deliveries goes to two queues, one to be translated and one to be filed, and is
safe only when both have it. Each gets a publish of its own, since the broker returns a message
only if *no* queue takes it: with one publish for both, a queue that is missing would go unnoticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from libs.bus.publisher import Outcome, Outgoing
from libs.bus.topology import RECEIVED, TO_ARCHIVE, WEBHOOKS
from libs.contracts.webhook_received import CONTENT_TYPE
from libs.runtime.tracing.batch import stamped

# From the one to build on to the one that says least.
_WORST: Final = (Outcome.CONFIRMED, Outcome.REFUSED, Outcome.RETURNED, Outcome.UNKNOWN)


class Publishing(Protocol):
    """What is needed of the bus: `libs.bus.publisher.Publisher`, or a stand-in."""

    @property
    def ready(self) -> bool:
        """Whether the broker would take a message now."""

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Send messages and tell what became of each."""


async def deliver(publisher: Publishing, message: bytes) -> Outcome:
    """Publish a `webhook.received` message; CONFIRMED when both queues have it.

    Whatever else it is, one of them may have it: to deliver it again is safe. It carries the trace context
    of the batch that is worked on, where that has one.
    """
    headers = stamped()
    outcomes = await publisher.publish_all(
        [
            Outgoing(
                exchange=WEBHOOKS,
                routing_key=key,
                body=message,
                content_type=CONTENT_TYPE,
                headers=headers,
            )
            for key in (RECEIVED, TO_ARCHIVE)
        ]
    )
    return max(outcomes, key=_WORST.index)
