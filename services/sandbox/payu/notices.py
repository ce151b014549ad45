"""What is posted about a payout, and what goes wrong with it: the shares of the simulator's plan.

A notification may be lost, overtaken by the next one, put under a wrong content type or encoded
twice. Beside it may come one of the same payout and receiver once more, byte for byte or without its
end, and what nobody can understand. Each draws from `Payout.faults`, so that a payout lives the same
life with and without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from services.sandbox.payu.payout import Payout
from services.simulator.faults import can_lose_its_end, spoilt, without_end
from services.simulator.lives import Body
from services.simulator.names import Names
from services.simulator.options import Options
from services.simulator.providers import SIMULATIONS
from services.simulator.providers.payu import CONFIRMED
from services.simulator.roles import Role

_FIRST_STRANGER: Final = 700_000_000  # far from the names of the plan's lives and of the payouts
_PAYU: Final = SIMULATIONS["payu"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One body. `place` is that of the step that it tells of; None where it tells of none."""

    number: int
    body: Body
    place: int | None = None
    role: Role = Role.NEWS

    @property
    def digest(self) -> str:
        """The SHA-256 of its bytes, in hex."""
        return hashlib.sha256(self.body.raw).hexdigest()


@dataclass(slots=True)
class Faults:
    """Decides what goes wrong, by the shares that were asked for."""

    options: Options
    _strangers: Iterator[int] = field(default_factory=lambda: count(_FIRST_STRANGER))

    def news(self, payout: Payout) -> Notice:
        """Return what tells of the last step of a payout, spoilt or not."""
        body = spoilt(payout.notification(), self.options, payout.faults)
        return Notice(payout.number, body, len(payout.happened) - 1)

    def loses(self, payout: Payout) -> bool:
        """Draw whether nobody is told of a step."""
        return payout.faults.random() < self.options.losses

    def lets_overtake(self, payout: Payout) -> bool:
        """Draw whether the last step is told after the next one.

        What comes back from the bank comes after the confirmation: without times of their own the
        order is all that tells those two apart from a rejection.
        """
        if not payout.coming or payout.happened[-1] == CONFIRMED:
            return False
        return payout.faults.random() < self.options.reorder

    def beside(self, payout: Payout, told: Sequence[Notice]) -> Iterator[Notice]:
        """Give what is posted beside a notice; `told` are those that the same receiver has taken."""
        chance, options = payout.faults, self.options
        if told and chance.random() < options.duplicates:
            yield chance.choice(told)
        if chance.random() < options.truncated:
            yield self._truncated(payout, told)
        if chance.random() < options.unknown:
            body = _PAYU.unknown(self._names(), chance, options.base)
            yield Notice(payout.number, body, role=Role.UNKNOWN)
        if chance.random() < options.malformed:
            yield self._malformed(payout)

    def _truncated(self, payout: Payout, told: Sequence[Notice]) -> Notice:
        """Cut one of them; where none can be cut, something malformed takes its place."""
        whole = [each for each in told if can_lose_its_end(each.body)]
        if not whole:
            return self._malformed(payout)
        first = payout.faults.choice(whole)
        body = without_end(first.body, self.options.mark.encode(), payout.faults)
        return Notice(payout.number, body, role=Role.TRUNCATED)

    def _malformed(self, payout: Payout) -> Notice:
        drawn = _PAYU.malformed(self._names(), payout.faults, self.options.base)
        return Notice(payout.number, drawn.body, role=Role.MALFORMED)

    def _names(self) -> Names:
        return Names(self.options.mark, next(self._strangers))
