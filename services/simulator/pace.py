"""How fast a plan is posted, and how far that has come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast. `rate` is webhooks per second, 0 as fast as possible; the rest is in seconds.

    `concurrency` is how many requests may be under way. With `duration` no lives begin after it.
    A webhook that nobody took for `give_up` is left. A Retry-After is honoured up to
    `longest_retry_after`. `flood` is a place in the plan and a number: from there on so many
    webhooks come as fast as they can, whatever the rate.
    """

    rate: float = 0.0
    concurrency: int = 32
    duration: float | None = None
    timeout: float = 10.0
    give_up: float = 120.0
    longest_retry_after: float = 10.0
    flood: tuple[int, int] = (0, 0)

    def floods(self, index: int) -> bool:
        """Whether this webhook of the plan is one of the flood."""
        begins, size = self.flood
        return begins <= index < begins + size


@dataclass(slots=True)
class Progress:
    """What the driver has done so far. `settled` webhooks have the answer that ends them."""

    sent: int = 0
    begun: int = 0
    settled: int = 0
    accepted: int = 0
    given_up: int = 0
    lost: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    longest_accept_ms: float = 0.0
    ended: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        counts = {each.name: getattr(self, each.name) for each in fields(self)}
        return counts | {"answers": dict(self.answers)}
