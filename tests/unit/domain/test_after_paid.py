"""Rule 4: a refusal that is told after `paid`."""

from __future__ import annotations

import pytest

from libs.domain.lifecycle import Authority, Flag, State
from libs.domain.verdict import Outcome
from tests.unit.domain.saying import (
    OPERATOR,
    POLL,
    REPORT,
    SECRET,
    SIGNED,
    TIMER,
    UNSIGNED,
    canceled,
    declined,
    expired,
    flags,
    full,
    minute,
    outcome,
    paid,
    payment,
    payout,
    rejected,
    say,
)

TRUSTED = [OPERATOR, POLL, REPORT, SIGNED, SECRET]


@pytest.mark.parametrize("by", TRUSTED)
def test_payment_stays_with_conflict(by: Authority) -> None:
    """Rule 4: from `secret` or better."""
    refusal = declined(at=2, by=by)
    folded = payment(paid(at=1), refusal)
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.CONFLICT))
    assert outcome(folded, refusal) is Outcome.CONFLICT


@pytest.mark.parametrize("by", [UNSIGNED, TIMER])
def test_weak_refusal_leaves_payment_alone(by: Authority) -> None:
    """Rule 4 asks for `secret`; a late expiry notice is routine."""
    refusal = expired(at=2, by=by)
    folded = payment(paid(at=1), refusal)
    assert (folded.state, folded.flags) == (State.PAID, flags())
    assert outcome(folded, refusal) is Outcome.STALE


@pytest.mark.parametrize("by", TRUSTED)
def test_payout_came_back_unverified(by: Authority) -> None:
    """Rule 4: for a payout it means that the money came back."""
    folded = payout(paid(at=1), rejected(at=2, by=by, failure_reason="account closed"))
    assert (folded.state, folded.flags) == (State.RETURNED, flags(Flag.VERIFY))
    assert (folded.provider_status, folded.failure_reason) == ("rejected", "account closed")


@pytest.mark.parametrize("by", [UNSIGNED, TIMER])
def test_weak_refusal_leaves_payout_paid(by: Authority) -> None:
    """Rule 4 asks for `secret` from a payout too."""
    folded = payout(paid(at=1), rejected(at=2, by=by))
    assert (folded.state, folded.flags) == (State.PAID, flags())


def test_returned_payout_stays_returned() -> None:
    """Rules 1 and 4: `paid` once more, or another refusal, changes nothing."""
    story = [paid(at=1), rejected(at=2)]
    for more in (paid(at=3, by=POLL), say(State.FAILED, at=3), rejected(at=4)):
        assert payout(*story, more).state is State.RETURNED


def test_return_told_outright_ends_verify() -> None:
    """A report, a poll or an operator that says `returned` leaves nothing to ask."""
    story = [paid(at=1), rejected(at=2, by=OPERATOR)]
    assert payout(*story, say(State.RETURNED, at=3)).flags == flags(Flag.VERIFY)
    assert payout(*story, say(State.RETURNED, at=3, by=REPORT)).flags == flags()


def test_earlier_refusal_of_payout_is_late() -> None:
    """Rule 4 needs a later refusal; an earlier one is rule 1."""
    assert payout(paid(at=2), rejected(at=1)).flags == flags(Flag.LATE)


def test_refusal_after_refund_is_conflict() -> None:
    """Rule 4: `paid` stands below the facets."""
    folded = payment(paid(at=1), full(at=2), canceled(at=3))
    assert (folded.state, folded.flags) == (State.REFUNDED, flags(Flag.CONFLICT))


def test_both_sides_of_paid_flagged() -> None:
    """Rules 1 and 4 at once."""
    folded = payment(declined(at=1), paid(at=2), declined(at=3))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.LATE, Flag.CONFLICT))


@pytest.mark.parametrize("by", [SECRET, UNSIGNED])
def test_untimed_refusal_heard_first_is_late(by: Authority) -> None:
    """Rule 1: Safe2Pay tells when it was paid, and not when the boleto was written off."""
    refusal = expired(at=10, by=by, untimed=True)
    money = paid(at=1, received_at=minute(20))
    folded = payment(money, refusal)
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.LATE))
    assert outcome(folded, refusal) is Outcome.STALE


def test_untimed_refusal_heard_later_is_conflict() -> None:
    """Rule 4: what was heard after the money contradicts it."""
    folded = payment(paid(at=1, received_at=minute(5)), declined(at=10, untimed=True))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.CONFLICT))
