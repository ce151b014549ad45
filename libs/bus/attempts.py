"""How often something was tried, counted by us, and how it is set back to be tried again later.

The count travels in a header of our own. What the broker counts (`x-death`, `x-delivery-count`,
`redelivered`) differs from version to version and also grows when a process merely restarts.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from libs.bus.message import Message
from libs.bus.publisher import Outcome
from libs.bus.topology import DELAYS, delay
from libs.runtime.failures import TemporaryError

ATTEMPTS: Final = "x-caudal-attempt"
CONTENDED: Final = "x-caudal-contended"
CONTENDED_STEPS: Final = 3  # what is only held by somebody else never waits for minutes


class DelayingPublisher(Protocol):
    """What is needed of a publisher here."""

    async def publish(  # noqa: PLR0913 - what a message is made of, each told by name
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        content_type: str,
        headers: Mapping[str, str | int] | None = None,
        expiration: float | None = None,
    ) -> Outcome:
        """Send one message and tell what became of it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How often it failed so far, and how often it only found its place taken."""

    failed: int = 0
    contended: int = 0

    @property
    def step(self) -> int:
        """Seconds to wait before the next attempt, at most."""
        if self.contended:
            return DELAYS[min(self.contended, CONTENDED_STEPS) - 1]
        return DELAYS[min(self.failed, len(DELAYS)) - 1]


def tried(message: Message) -> Tried:
    """Read what earlier attempts left on the message."""
    return Tried(_count(message, ATTEMPTS), _count(message, CONTENDED))


async def set_back(
    publisher: DelayingPublisher, queue: str, body: bytes, *, content_type: str, so_far: Tried
) -> None:
    """Send a message to the delay queue of its step, from where it comes back to `queue`.

    The wait is drawn between half of the step and the whole of it. Returns once the broker has
    it; `TemporaryError` where that is not sure.
    """
    step = so_far.step
    outcome = await publisher.publish(
        delay(step),
        queue,
        body,
        content_type=content_type,
        headers={ATTEMPTS: so_far.failed, CONTENDED: so_far.contended},
        expiration=random.uniform(step / 2, step),  # noqa: S311 - spreads load, guards nothing
    )
    if outcome is not Outcome.CONFIRMED:
        raise TemporaryError(f"the delay queue did not confirm: {outcome}")


def _count(message: Message, name: str) -> int:
    value = message.headers.get(name)
    return value if isinstance(value, int) and value > 0 else 0
