"""Rule 3: inside the refusals and inside `paid` the best authority wins, then the earliest."""

from __future__ import annotations

from itertools import pairwise

import pytest

from libs.domain.lifecycle import AUTHORITY_RANK, Authority, Flag, State
from tests.unit.domain.saying import (
    OPERATOR,
    POLL,
    SECRET,
    SIGNED,
    TIMER,
    UNSIGNED,
    canceled,
    declined,
    expired,
    flags,
    minute,
    paid,
    payment,
    payout,
    rejected,
    say,
)


def test_authority_order_is_told_order() -> None:
    """Rule 3, the list."""
    best_first = ["operator", "poll", "report", "signed", "secret", "unsigned", "timer"]
    assert sorted(Authority, key=lambda a: -AUTHORITY_RANK[a]) == best_first


@pytest.mark.parametrize(("better", "worse"), list(pairwise(Authority)))
@pytest.mark.parametrize("better_at", [1, 3])
def test_better_authority_decides_refusal(
    better: Authority, worse: Authority, better_at: int
) -> None:
    """Rule 3 in band 40, whichever was told first."""
    folded = payment(declined(at=better_at, by=better), canceled(at=2, by=worse))
    assert (folded.state, folded.authority) == (State.DECLINED, better)


@pytest.mark.parametrize(("better", "worse"), list(pairwise(Authority)))
def test_better_authority_decides_paid(better: Authority, worse: Authority) -> None:
    """Rule 3 in band 50: the later but better one speaks for the object."""
    folded = payment(paid(at=1, by=worse), paid(at=2, by=better))
    assert (folded.authority, folded.occurred_at) == (better, minute(2))


def test_earliest_wins_among_equals() -> None:
    """Rule 3: then the earliest effective time, in both bands."""
    assert payment(paid(at=2), paid(at=1)).occurred_at == minute(1)
    assert payment(canceled(at=2), declined(at=1)).state is State.DECLINED


def test_two_refusals_are_conflict() -> None:
    """Rule 3: two different negative answers, of any authority."""
    for by in (OPERATOR, POLL, SIGNED, SECRET, UNSIGNED):
        assert payment(declined(at=1), canceled(at=2, by=by)).flags == flags(Flag.CONFLICT)


def test_same_refusal_twice_is_none() -> None:
    """Rule 3: agreeing is no conflict."""
    assert payment(declined(at=1), declined(at=2, by=POLL)).flags == flags()


@pytest.mark.parametrize("timer_at", [1, 3])
def test_timer_beside_refusal_is_none(timer_at: int) -> None:
    """A timer loses to a refusal without a conflict, before it or after it."""
    folded = payment(declined(at=2), expired(at=timer_at, by=TIMER))
    assert (folded.state, folded.flags) == (State.DECLINED, flags())


def test_timer_hides_no_conflict() -> None:
    """Rule 3: of three answers the two that are no timer still contradict each other."""
    for timer_at in (0, 2, 4):
        said = [declined(at=1), canceled(at=3), expired(at=timer_at, by=TIMER)]
        assert payment(*said).flags == flags(Flag.CONFLICT)


def test_third_refusal_keeps_conflict() -> None:
    """Rule 3: a better answer that agrees with one of two does not reconcile them."""
    folded = payment(declined(at=1), canceled(at=2), canceled(at=3, by=POLL))
    assert (folded.state, folded.flags) == (State.CANCELED, flags(Flag.CONFLICT))


def test_money_ends_conflict_of_refusals() -> None:
    """Rules 1 and 3: once paid, what is told is that the money came late."""
    assert payment(declined(at=1), canceled(at=2), paid(at=3)).flags == flags(Flag.LATE)


def test_payout_refusals_conflict_too() -> None:
    """Rule 3 for payouts."""
    folded = payout(rejected(at=1), say(State.FAILED, at=2, by=POLL))
    assert (folded.state, folded.flags) == (State.FAILED, flags(Flag.CONFLICT))
