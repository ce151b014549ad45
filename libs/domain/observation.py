"""What was said about one object, once: the unit that is stored, and that the fold reads.

An observation is append-only. Its `key` names it within its object, so that saying it twice adds
nothing. Both clocks are kept: the provider's (`occurred_at`, if it told one) and ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.domain.money import Money

# A provider's time that lies further ahead of receipt than this is clamped to receipt.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


class FacetStatus(StrEnum):
    """How far a refund or void has come."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class Extent(StrEnum):
    """How much of the payment a refund says that it gives back."""

    FULL = "full"
    PARTIAL = "partial"
    UNTOLD = "untold"


class DisputeStatus(StrEnum):
    """Where a dispute stands, in the order that holds where no event times are told."""

    OPEN = "open"
    LOST = "lost"
    WON = "won"


class CancelStatus(StrEnum):
    """What became of the request to cancel a payout."""

    REQUESTED = "requested"
    FAILED = "failed"


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One entry of the refund ledger. Two notices of one refund share the `ledger_key`."""

    status: FacetStatus
    ledger_key: str
    amount: Decimal | None = None
    extent: Extent = Extent.UNTOLD
    void: bool = False
    answers_dispute: bool = False


Precedence = tuple[bool, datetime, str]


def precedence(authority: Authority, received_at: datetime, delivery_id: str) -> Precedence:
    """Return what orders tellings of the same thing: the lowest stands, the others repeat it.

    The one that was received first; but whoever proves nothing stands behind all who prove something, or
    a stranger who was faster than the provider would take away what the provider's word proves.
    """
    return authority is Authority.UNSIGNED, received_at, delivery_id


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one delivery says about one object.

    `provider_ref` is None only where the provider left the identity out and the object must be
    found by `merchant_ref`. `currency` stands where a currency is told without the object's amount
    (a refund notice). `provider_status` is the provider's own word. `facts` keeps what is
    worth showing to an operator (text to text), never personal data and never a credential.
    """

    kind: Kind
    provider_ref: str | None
    key: str
    provider_status: str

    state: State | None = None
    refunds: tuple[Refund, ...] = ()
    dispute: DisputeStatus | None = None
    cancel: CancelStatus | None = None
    attempt: bool = False
    settlement_step: str | None = None
    flags: frozenset[Flag] = frozenset()
    supersedes: tuple[str, ...] = ()

    amount: Money | None = None
    currency: str | None = None
    fees: Decimal | None = None
    net: Decimal | None = None
    merchant_ref: str | None = None
    method: str | None = None
    failure_reason: str | None = None
    expires_at: datetime | None = None
    aliases: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)

    authority: Authority
    occurred_at: datetime | None = None
    received_at: datetime
    delivery_id: str

    @property
    def precedence(self) -> Precedence:
        """Which of two tellings of one key stands: the lower. See `precedence`."""
        return precedence(self.authority, self.received_at, self.delivery_id)

    @property
    def clock_ahead(self) -> bool:
        """Whether the provider's time lies too far ahead of receipt to be believed."""
        return (
            self.occurred_at is not None and self.occurred_at > self.received_at + CLOCK_TOLERANCE
        )

    @property
    def effective_at(self) -> datetime:
        """The provider's time where it told a credible one, else the time of receipt."""
        told = self.occurred_at
        if told is None or told > self.received_at + CLOCK_TOLERANCE:
            return self.received_at
        return told
