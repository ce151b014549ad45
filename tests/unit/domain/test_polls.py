"""A poll can be stale: it may raise a band or open a conflict, and never lowers one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from libs.domain.lifecycle import Flag, State
from libs.domain.observation import FacetStatus
from tests.unit.domain.saying import (
    POLL,
    SECRET,
    UNSIGNED,
    brl,
    declined,
    entry,
    flags,
    full,
    lost,
    minute,
    opened,
    paid,
    payment,
    pending,
    refund,
    won,
)

PAID = paid(at=2, amount=brl("100"))


def test_poll_raises() -> None:
    """The lost webhook: what the provider answers is as good as its notice."""
    assert payment(pending(at=1), paid(at=2, by=POLL)).state is State.PAID


@pytest.mark.parametrize("at", [0, 1, 3, 9])
def test_stale_poll_lowers_nothing(at: int) -> None:
    folded = payment(PAID, pending(at=at, by=POLL))
    assert (folded.state, folded.flags) == (State.PAID, flags())


def test_poll_that_denies_opens_conflict() -> None:
    folded = payment(PAID, declined(at=3, by=POLL))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.CONFLICT))


def test_poll_corroborates() -> None:
    """Rule 11: unsigned money until a poll agrees."""
    unsigned = paid(at=2, by=UNSIGNED)
    assert payment(unsigned).flags == flags(Flag.UNCORROBORATED)
    assert payment(unsigned, paid(at=3, by=POLL)).flags == flags()


def test_poll_takes_back_no_refund() -> None:
    """The same refund, declined by a poll: it may have looked before it was approved."""
    denied = refund(entry("30", status=FacetStatus.DECLINED), at=4, by=POLL)
    folded = payment(PAID, refund(entry("30"), at=3), denied)
    assert (folded.state, folded.refunded_amount) == (State.PARTIALLY_REFUNDED, Decimal("30.00"))
    assert folded.flags == flags(Flag.CONFLICT)


def test_refund_declined_by_a_poll_alone_is_declined() -> None:
    denied = refund(entry("30", status=FacetStatus.DECLINED), at=4, by=POLL)
    assert payment(PAID, denied).state is State.PAID


def test_dispute_won_by_a_poll_is_over() -> None:
    """The published way down, said in so many words."""
    assert payment(PAID, opened(at=3), won(at=4, by=POLL)).state is State.PAID
    untimed = won(at=0, by=POLL, untimed=True, received_at=minute(9))
    assert payment(PAID, opened(at=3, untimed=True), untimed).state is State.PAID


def test_older_dispute_won_by_a_poll_is_stale() -> None:
    """It was another dispute that was won, before this one."""
    assert payment(PAID, opened(at=3), won(at=1, by=POLL)).state is State.DISPUTED


def test_poll_reopens_no_dispute() -> None:
    assert payment(PAID, lost(at=3), opened(at=4, by=POLL)).state is State.CHARGED_BACK
    assert payment(PAID, opened(at=3), won(at=4), opened(at=5, by=POLL)).state is State.PAID


def test_poll_without_a_time_keeps_the_order_of_the_notices() -> None:
    """Won and disputed once more, by time; a poll that tells none must not turn it around."""
    said = [PAID, won(at=3), opened(at=4)]
    assert payment(*said).state is State.DISPUTED
    assert payment(*said, opened(at=5, by=POLL, untimed=True)).state is State.DISPUTED


def test_refund_without_sum_is_the_one_that_was_found() -> None:
    """Clip's notice tells neither sum nor id; its query tells both."""
    notice = refund(entry(ledger="notice"), at=3, by=SECRET, flags=flags(Flag.VERIFY))
    found = refund(entry("30", ledger="their-id"), at=3, by=POLL)
    assert payment(PAID, notice).flags == flags(Flag.VERIFY)
    folded = payment(PAID, notice, found)
    assert (folded.state, folded.refunded_amount) == (State.PARTIALLY_REFUNDED, Decimal("30.00"))
    assert folded.flags == flags()


def test_one_found_refund_explains_one_notice() -> None:
    notices = [
        refund(entry(ledger=f"notice-{n}"), at=3 + n, flags=flags(Flag.VERIFY)) for n in range(2)
    ]
    found = refund(entry("30", ledger="id-1"), at=3, by=POLL)
    assert payment(PAID, *notices, found).flags == flags(Flag.VERIFY)
    second = refund(entry("20", ledger="id-2"), at=4, by=POLL)
    folded = payment(PAID, *notices, found, second)
    assert (folded.refunded_amount, folded.flags) == (Decimal("50.00"), flags())


def test_refund_that_a_notice_told_with_sum_explains_nothing() -> None:
    notice = refund(entry(ledger="notice"), at=3, flags=flags(Flag.VERIFY))
    other = refund(entry("30", ledger="id-1"), at=3)
    again = refund(entry("30", ledger="id-1"), at=4, by=POLL)
    assert payment(PAID, notice, other, again).flags == flags(Flag.VERIFY)


def test_full_refund_found_leaves_nothing_to_verify() -> None:
    notice = refund(entry(ledger="notice"), at=3, flags=flags(Flag.VERIFY))
    folded = payment(PAID, notice, full(at=4, by=POLL))
    assert (folded.state, folded.flags) == (State.REFUNDED, flags())
