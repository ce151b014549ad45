"""A payout that was requested over the API: the life that it leads, and how a cancel changes that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Any, Final

from services.sandbox.payu.bank_accounts import BankAccount
from services.sandbox.payu.registrations import CREATION, RESULT, UPDATE
from services.simulator.lives import Body
from services.simulator.names import Names
from services.simulator.providers.payu import (
    AT_BANK,
    BOUNCED,
    CANCELED,
    CANCELLING,
    CONFIRMED,
    NOT_CANCELED,
    NOT_PASSED,
    PASSED,
    REFUSED,
    SCREENING,
    STARTED,
    TO_CANCEL,
    as_sent,
    notice,
)

# How a payout stands after each step.
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        SCREENING: "in_review",
        PASSED: "created",
        STARTED: "processing",
        AT_BANK: "sent",
        CONFIRMED: "paid",
        BOUNCED: "returned",
        NOT_PASSED: "rejected",
        REFUSED: "rejected",
        TO_CANCEL: "cancel_requested",
        CANCELLING: "cancel_requested",
        NOT_CANCELED: "processing",
        CANCELED: "canceled",
    }
)
# The event that brings each step. The documentation has an event for the creation, for the end of
# the screening and for a rejection by the bank, and none for the others.
DOCUMENTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        SCREENING: CREATION,
        PASSED: RESULT,
        NOT_PASSED: UPDATE,
        REFUSED: RESULT,
        BOUNCED: RESULT,
    }
)
_PATHS: Final[tuple[tuple[tuple[str, ...], int], ...]] = (
    ((SCREENING, PASSED, STARTED, AT_BANK, CONFIRMED), 6),
    ((SCREENING, NOT_PASSED), 1),
    ((SCREENING, PASSED, STARTED, AT_BANK, REFUSED), 2),
    ((SCREENING, PASSED, AT_BANK, CONFIRMED, BOUNCED), 1),
)
_CANCELABLE: Final = frozenset({SCREENING, PASSED, STARTED})
_CANCEL_FAILS: Final = 0.25


@dataclass(slots=True, kw_only=True)
class Payout:
    """One payout. `happened` are its steps so far, `coming` those that will happen unless it is canceled."""

    number: int
    names: Names
    value: Decimal
    description: str | None
    created: datetime
    account: BankAccount = field(repr=False)
    chance: Random = field(repr=False)
    happened: list[str] = field(default_factory=list)
    coming: list[str] = field(default_factory=list)
    cancel_asked: bool = False
    faults: Random = field(init=False, repr=False)  # of its notices, apart from `chance`

    def __post_init__(self) -> None:
        self.faults = Random(f"payout faults {self.names.mark} {self.number}")  # noqa: S311 - repeatable
        paths, weights = [path for path, _ in _PATHS], [weight for _, weight in _PATHS]
        self.coming = list(self.chance.choices(paths, weights)[0])

    @property
    def id(self) -> str:
        """Its `paymentOrderId`, and its `pushPaymentId`: whether they are one is not documented."""
        return self.names.uuid("payout")

    @property
    def state(self) -> str:
        """How it stands."""
        return STATES[self.happened[-1]] if self.happened else "created"

    def cancel(self) -> bool:
        """Ask for a cancel: granted or refused later, and only possible before the bank has it."""
        if self.cancel_asked or (self.happened and self.happened[-1] not in _CANCELABLE):
            return False
        self.cancel_asked = True
        fails = self.chance.random() < _CANCEL_FAILS
        self.coming = [TO_CANCEL, CANCELLING]
        self.coming += [NOT_CANCELED, AT_BANK, CONFIRMED] if fails else [CANCELED]
        return True

    def step(self) -> str:
        """Let the next step happen."""
        self.happened.append(self.coming.pop(0))
        return self.happened[-1]

    def notification(self) -> Body:
        """Return what tells of the last step, as the table of fields in the documentation has it."""
        told: dict[str, Any] = notice(
            self.names, self.happened[-1], self.value, self.created, self.chance
        )
        payee = self.account.told
        told |= {
            "supplierBankAccountId": self.account.id,
            "fullName": payee["fullName"],
            "documentNumber": str(payee["documentNumber"]),
        }
        return as_sent(told, self.chance)


def event_of(step: str, *, documented_only: bool) -> str | None:
    """Return the event that brings a step; None where nobody is told of it."""
    event = DOCUMENTED.get(step)
    return event if event is not None or documented_only else UPDATE
