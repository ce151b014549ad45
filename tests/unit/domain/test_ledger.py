"""Rule 6: refund amounts are ledger entries, summed and never overwritten."""

from __future__ import annotations

from decimal import Decimal

import pytest

from libs.domain.lifecycle import Flag, State
from libs.domain.observation import Extent, FacetStatus, Refund
from tests.unit.domain.saying import POLL, brl, entry, flags, full, lost, paid, payment, refund

PAID = paid(at=1, amount=brl("100"))
FULL = Extent.FULL


def lines(*entries: Refund) -> tuple[State | None, Decimal | None, frozenset[Flag]]:
    """Fold one notice for each entry onto a paid payment of 100."""
    said = [refund(line, at=2 + n) for n, line in enumerate(entries)]
    folded = payment(PAID, *said)
    return folded.state, folded.refunded_amount, folded.flags


def test_two_refunds_are_summed() -> None:
    """Rule 6: two keys, two lines."""
    assert lines(entry("30", ledger="a"), entry("30", ledger="b")) == (
        State.PARTIALLY_REFUNDED,
        Decimal(60),
        flags(),
    )


def test_one_notice_may_bring_several() -> None:
    """Safe2Pay tells all of its lines each time; a repeated line counts once."""
    first = refund(entry("30", ledger="a"), at=2)
    second = refund(entry("30", ledger="a"), entry("20", ledger="b"), at=3)
    assert payment(PAID, first, second).refunded_amount == 50


def test_sum_that_reaches_amount_refunds() -> None:
    """Rules 5 and 6: the parts cover the amount."""
    assert lines(entry("60", ledger="a"), entry("40", ledger="b")) == (
        State.REFUNDED,
        Decimal(100),
        flags(),
    )


def test_same_refund_twice_counts_once() -> None:
    """Rule 6: two notices share the ledger key."""
    assert lines(entry("30"), entry("30")) == (State.PARTIALLY_REFUNDED, Decimal(30), flags())


def test_equal_sums_are_no_mismatch() -> None:
    """47.5 and 47.50 are one amount."""
    assert lines(entry("47.5"), entry("47.50")) == (
        State.PARTIALLY_REFUNDED,
        Decimal("47.50"),
        flags(),
    )


@pytest.mark.parametrize("amounts", [("30", "45"), ("45", "30")])
def test_larger_of_two_sums_counts(amounts: tuple[str, str]) -> None:
    """Rule 6 and Mobbex: a reversal told twice with two sums counts once, the larger."""
    assert lines(*(entry(amount) for amount in amounts)) == (
        State.PARTIALLY_REFUNDED,
        Decimal(45),
        flags(Flag.AMOUNT_MISMATCH),
    )


@pytest.mark.parametrize("told", [None, "100", "70"])
def test_full_brings_sum_up_to_amount(told: str | None) -> None:
    """Rule 6: on top of a part of 30 nothing is added beyond the amount."""
    assert lines(entry("30", ledger="part"), entry(told, ledger="full", extent=FULL)) == (
        State.REFUNDED,
        Decimal(100),
        flags(),
    )


def test_two_fulls_are_one() -> None:
    """Rule 6: 601 and 602 under two keys still bring the sum to the amount only."""
    assert lines(entry("100", ledger="a", extent=FULL), entry(ledger="b", extent=FULL)) == (
        State.REFUNDED,
        Decimal(100),
        flags(),
    )


def test_more_than_amount_is_mismatch() -> None:
    """Rules 6 and 10: what was told is kept, and flagged."""
    parts = [entry("60", ledger="a"), entry("60", ledger="b")]
    assert lines(*parts) == (State.REFUNDED, Decimal(120), flags(Flag.AMOUNT_MISMATCH))
    whole = entry("120", extent=FULL)
    assert lines(whole) == (State.REFUNDED, Decimal(120), flags(Flag.AMOUNT_MISMATCH))


def test_declined_refund_leaves_sum() -> None:
    """Rule 6: only what succeeded is summed."""
    refused = entry("30", ledger="a", status=FacetStatus.DECLINED)
    asked = entry("20", ledger="b", status=FacetStatus.REQUESTED)
    assert lines(refused, asked, entry("10", ledger="c")) == (
        State.PARTIALLY_REFUNDED,
        Decimal(10),
        flags(),
    )


def test_unknown_part_beside_known_asks() -> None:
    """The known sum is a lower bound, and the flag says so."""
    assert lines(entry("30", ledger="a"), entry(ledger="b")) == (
        State.PARTIALLY_REFUNDED,
        Decimal(30),
        flags(Flag.VERIFY),
    )


def test_known_sums_cover_unknown_part() -> None:
    """Once the known sums cover the amount, nothing is left to ask."""
    assert lines(entry("100", ledger="a"), entry(ledger="b")) == (
        State.REFUNDED,
        Decimal(100),
        flags(),
    )


def test_refund_of_nothing_is_nothing() -> None:
    """A told zero is a sum, not an unknown."""
    assert lines(entry("0")) == (State.PAID, Decimal(0), flags())


def test_full_of_unknown_payment_has_no_sum() -> None:
    """Clip tells no amount: all of an unknown sum is an unknown sum."""
    folded = payment(paid(at=1), full(at=2))
    assert (folded.state, folded.refunded_amount) == (State.REFUNDED, None)


def test_sum_on_unknown_payment_asks() -> None:
    """A sum went back of an amount that nobody told: taken as all of it, to be verified."""
    folded = payment(paid(at=1), refund(entry("30"), at=2))
    assert (folded.state, folded.flags) == (State.REFUNDED, flags(Flag.VERIFY))
    part = payment(paid(at=1), refund(entry("30", extent=Extent.PARTIAL), at=2))
    assert (part.state, part.flags) == (State.PARTIALLY_REFUNDED, flags(Flag.VERIFY))


def test_late_amount_settles_coverage() -> None:
    """The poll that brings the amount decides between part and whole."""
    folded = payment(paid(at=1), refund(entry("30"), at=2), paid(at=3, by=POLL, amount=brl("100")))
    assert (folded.state, folded.flags) == (State.PARTIALLY_REFUNDED, flags())


def test_refunded_sum_keeps_currency_places() -> None:
    """The sum has the places of its currency."""
    folded = payment(PAID, refund(entry("47.5"), at=2))
    assert str(folded.refunded_amount) == "47.50"


def test_chargeback_is_no_refund() -> None:
    """Rule 6: the ledger holds refunds; a chargeback moves the state alone."""
    folded = payment(PAID, refund(entry("10"), at=2), lost(at=3))
    assert (folded.state, folded.refunded_amount) == (State.CHARGED_BACK, Decimal(10))
