"""The usual paths of the five providers, as their mapping columns say them, in every order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from libs.domain.lifecycle import Flag, State
from libs.domain.observation import CancelStatus, Extent, FacetStatus, Observation
from tests.unit.domain.saying import (
    POLL,
    TIMER,
    UNSIGNED,
    authorized,
    brl,
    canceled,
    created,
    declined,
    entry,
    expired,
    flags,
    lost,
    opened,
    paid,
    payment,
    payout,
    pending,
    refund,
    rejected,
    say,
    won,
)

VERIFY = flags(Flag.VERIFY)
FULL, PARTIAL = Extent.FULL, Extent.PARTIAL
REAIS = brl("100")

RETURNED = entry("100", ledger="returned", extent=FULL)
PAID_300 = {"amount": brl("6705")}
VOID = entry(ledger="full", extent=FULL, void=True)
DEVUELTA = entry("6705", ledger="full", extent=FULL)
PART = {"flags": VERIFY}
POKED = {"by": UNSIGNED}


def story(*said: Observation) -> tuple[Observation, ...]:
    """Put one minute between the observations, in the order in which they are written."""
    return tuple(
        replace(
            o,
            key=f"{n}:{o.key}",
            received_at=o.received_at.replace(minute=n),
            occurred_at=o.occurred_at.replace(minute=n) if o.occurred_at else None,
        )
        for n, o in enumerate(said)
    )


PAYMENTS = {
    "clip: card": (story(created(), pending(attempt=True), paid()), State.PAID, flags()),
    "clip: unsigned": (
        story(created(**POKED), paid(**POKED)),
        State.PAID,
        flags(Flag.UNCORROBORATED),
    ),
    "clip: unsigned, polled": (
        story(created(**POKED), paid(**POKED), paid(by=POLL, amount=REAIS)),
        State.PAID,
        flags(),
    ),
    "clip: five attempts": (story(created(), pending(), canceled()), State.CANCELED, flags()),
    "clip: expired": (story(created(), expired()), State.EXPIRED, flags()),
    "clip: paid after expiry": (story(created(), expired(), paid()), State.PAID, flags(Flag.LATE)),
    "clip: dispute approved": (
        story(created(), paid(), opened(), refund(entry())),
        State.DISPUTED,
        flags(Flag.VERIFY),
    ),
    "clip: dispute declined": (story(created(), paid(), opened(), won()), State.PAID, flags()),
    "clip: merchant's refund": (story(paid(), refund(entry())), State.PAID, flags(Flag.VERIFY)),
    "clip: two refunds, polled": (
        story(
            paid(amount=REAIS),
            refund(entry("30", ledger="a"), by=POLL),
            refund(entry("70", ledger="b"), by=POLL),
        ),
        State.REFUNDED,
        flags(),
    ),
    "conectados: sale": (
        story(authorized(), say(word="otp_invalid", attempt=True), paid(), paid()),
        State.PAID,
        flags(),
    ),
    "conectados: voided": (
        story(authorized(), paid(), refund(VOID)),
        State.VOIDED,
        flags(),
    ),
    "conectados: otp expired": (story(authorized(), expired()), State.EXPIRED, flags()),
    "conectados: sale after expiry": (
        story(authorized(), expired(), paid()),
        State.PAID,
        flags(Flag.LATE),
    ),
    "conectados: timer, then sale": (
        story(authorized(), expired(by=TIMER), paid()),
        State.PAID,
        flags(Flag.LATE),
    ),
    "conectados: rejected": (story(declined()), State.DECLINED, flags()),
    "mobbex: settled": (
        story(
            pending(),
            paid(**PAID_300),
            paid(settlement_step="300", **PAID_300),
            paid(settlement_step="301", **PAID_300),
        ),
        State.PAID,
        flags(),
    ),
    "mobbex: expiry after paid": (
        story(pending(), paid(), expired(by=TIMER)),
        State.PAID,
        flags(),
    ),
    "mobbex: captured": (story(authorized(), paid()), State.PAID, flags()),
    "mobbex: authorization voided": (story(authorized(), refund(VOID)), State.VOIDED, flags()),
    "mobbex: void same day": (
        story(
            paid(**PAID_300),
            refund(entry(ledger="full", status=FacetStatus.REQUESTED)),
            refund(VOID),
        ),
        State.VOIDED,
        flags(),
    ),
    "mobbex: parts": (
        story(
            paid(**PAID_300),
            refund(entry(ledger="605a", extent=PARTIAL), **PART),
            refund(entry(ledger="605b", extent=PARTIAL), **PART),
        ),
        State.PARTIALLY_REFUNDED,
        flags(Flag.VERIFY),
    ),
    "mobbex: parts, then all": (
        story(
            paid(**PAID_300),
            refund(entry(ledger="605a", extent=PARTIAL), **PART),
            refund(DEVUELTA),
        ),
        State.REFUNDED,
        flags(),
    ),
    "mobbex: operator": (
        story(paid(**PAID_300), refund(entry("6705", ledger="full"), **PART)),
        State.REFUNDED,
        flags(Flag.VERIFY),
    ),
    "mobbex: operator, polled as void": (
        story(
            paid(**PAID_300),
            refund(entry("6705", ledger="full"), **PART),
            refund(VOID, by=POLL),
        ),
        State.VOIDED,
        flags(),
    ),
    "mobbex: disowned": (story(paid(), lost()), State.CHARGED_BACK, flags()),
    "safe2pay: boleto": (story(pending(), pending(word="2"), paid()), State.PAID, flags()),
    "safe2pay: written off": (story(pending(), expired()), State.EXPIRED, flags()),
    "safe2pay: paid after write-off": (
        story(pending(), expired(), paid()),
        State.PAID,
        flags(Flag.LATE),
    ),
    "safe2pay: released": (
        story(pending(), pending(word="11", flags=VERIFY)),
        State.PENDING,
        flags(Flag.VERIFY),
    ),
    "safe2pay: skipped to returned": (
        story(refund(RETURNED, amount=REAIS)),
        State.REFUNDED,
        flags(),
    ),
    "safe2pay: returned": (
        story(
            paid(amount=REAIS),
            refund(entry(ledger="requested", status=FacetStatus.REQUESTED)),
            refund(RETURNED, amount=REAIS),
        ),
        State.REFUNDED,
        flags(),
    ),
    "safe2pay: chargeback reversed": (
        story(paid(), opened(untimed=True), lost(untimed=True), won(untimed=True)),
        State.PAID,
        flags(),
    ),
    "safe2pay: chargeback": (
        story(paid(), opened(untimed=True), lost(untimed=True)),
        State.CHARGED_BACK,
        flags(),
    ),
    "safe2pay: aborted": (story(canceled()), State.CANCELED, flags()),
    "safe2pay: captured": (story(authorized(), paid()), State.PAID, flags()),
}

IN_REVIEW, PROCESSING = State.IN_REVIEW, State.PROCESSING
SENT = State.SENT
ASKED = say(State.CANCEL_REQUESTED, cancel=CancelStatus.REQUESTED)

PAYOUTS = {
    "payu: bank confirms": (
        story(created(), say(IN_REVIEW), say(PROCESSING), say(SENT), paid()),
        State.PAID,
        flags(),
    ),
    "payu: bank rejects": (story(created(), say(SENT), rejected()), State.REJECTED, flags()),
    "payu: screening rejects": (story(say(IN_REVIEW), rejected()), State.REJECTED, flags()),
    "payu: back to validation": (
        story(created(), say(PROCESSING), say(IN_REVIEW)),
        IN_REVIEW,
        flags(),
    ),
    "payu: process completed": (
        story(created(), say(PROCESSING, flags=VERIFY)),
        PROCESSING,
        flags(Flag.VERIFY),
    ),
    "payu: completed while at bank": (
        story(created(), say(SENT, flags=VERIFY), paid()),
        State.PAID,
        flags(),
    ),
    "payu: cancel granted": (story(created(), ASKED, rejected()), State.CANCELED, flags()),
    "payu: cancel refused": (
        story(created(), ASKED, say(PROCESSING, cancel=CancelStatus.FAILED), rejected()),
        State.REJECTED,
        flags(),
    ),
    "payu: bounced": (story(say(SENT), paid(), rejected()), State.RETURNED, flags(Flag.VERIFY)),
}


@pytest.mark.parametrize("name", PAYMENTS)
def test_payment_path_ends_as_told(name: str) -> None:
    """A path of a sheet gives its state and flags, in any order and with each notice twice."""
    said, state, expected = PAYMENTS[name]
    folded = payment(*said)
    assert (folded.state, folded.flags) == (state, expected)
    assert all(payment(*order, *order) == folded for order in permutations(said))


@pytest.mark.parametrize("name", PAYOUTS)
def test_payout_path_ends_as_told(name: str) -> None:
    """The same for payouts."""
    said, state, expected = PAYOUTS[name]
    folded = payout(*said)
    assert (folded.state, folded.flags) == (state, expected)
    assert all(payout(*order, *order) == folded for order in permutations(said))
