"""One payout that was asked for, as it is on record. Nothing personal is kept, see the migration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from libs.contracts.delivery import Delivery


class RequestState(StrEnum):
    """What is known of a request."""

    RECORDED = "recorded"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RESOLVED = "resolved"


OPEN = (RequestState.RECORDED, RequestState.UNKNOWN)


class Resolution(StrEnum):
    """How an unknown request was resolved."""

    SENT = "sent"
    NOT_SENT = "not_sent"


class Resolver(StrEnum):
    """Who resolved it."""

    OPERATOR = "operator"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPayout:
    """One item of a batch. `delivery_id` is the delivery that tells of the payout, where there is one.

    `environment` is the world that it is asked for in; None where that was not noted: either.
    """

    id: str
    source: str
    batch: str
    item: int
    value: Decimal
    currency: str
    digest: bytes
    key_name: str
    created_at: datetime
    description: str | None = None
    bank_account_id: str | None = None
    environment: str | None = None
    state: RequestState = RequestState.RECORDED
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    payment_order_id: str | None = None
    failures: tuple[str, ...] = ()
    delivery_id: str | None = None
    resolution: Resolution | None = None
    resolved_by: Resolver | None = None
    resolved_at: datetime | None = None
    reason: str | None = None

    @property
    def unsent(self) -> bool:
        """Whether it failed before anything of it was sent."""
        return self.state is RequestState.FAILED and self.sent_at is None

    @property
    def resolved_as(self) -> Resolution | None:
        """How it was resolved, where that is what counts: an order that came after it stands above it."""
        return self.resolution if self.state is RequestState.RESOLVED else None

    def looks_like(self, other: AskedPayout) -> bool:
        """Whether two may be the same, as far as can be told without the digest."""
        return self._plain == other._plain

    @property
    def _plain(self) -> tuple[Decimal, str, str]:
        return self.value, self.description or "", (self.bank_account_id or "").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of one: `told` is the delivery that tells of it, where it succeeded.

    `sent` is False where nothing of it has left this process.
    """

    id: str
    state: RequestState
    payment_order_id: str | None = None
    failures: tuple[str, ...] = ()
    told: Delivery | None = None
    sent: bool = True
