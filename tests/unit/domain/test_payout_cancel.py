"""Rule 5 for payouts: a cancel request turns a rejection into `canceled`, wherever it stands."""

from __future__ import annotations

from itertools import permutations

from libs.domain.lifecycle import Flag, State
from libs.domain.observation import CancelStatus
from tests.unit.domain.saying import (
    POLL,
    cancel_failed,
    cancel_requested,
    correction,
    created,
    flags,
    paid,
    payout,
    rejected,
    say,
)


def test_rejection_after_request_is_canceled() -> None:
    """PayU, rule C, in the documented order."""
    folded = payout(created(), cancel_requested(at=1), rejected(at=2))
    assert (folded.state, folded.provider_status) == (State.CANCELED, "rejected")


def test_request_counts_wherever_it_stands() -> None:
    """Rule C over the whole set: REJECTED may come first, in any order of arrival."""
    for said in permutations([created(), rejected(at=1), cancel_requested(at=2)]):
        assert payout(*said).state is State.CANCELED


def test_failed_cancel_leaves_rejection() -> None:
    """Rule C: CANCELLATION_FAILED is among the observations, wherever it stands."""
    for at in (0, 2, 4):
        assert payout(cancel_requested(at=1), cancel_failed(at=at), rejected(at=3)).state is (
            State.REJECTED
        )


def test_failed_cancel_alone_is_processing() -> None:
    """PayU's CANCELLATION_FAILED goes back to `processing`."""
    assert payout(cancel_requested(at=1), cancel_failed(at=2)).state is State.PROCESSING


def test_request_without_state_counts() -> None:
    """Our own accepted cancel call counts, also where it says no state."""
    asked = say(word="cancel", cancel=CancelStatus.REQUESTED, by=POLL, at=5)
    assert payout(rejected(at=1), asked).state is State.CANCELED


def test_no_request_no_cancellation() -> None:
    """Rule C needs a request."""
    assert payout(created(), rejected(at=2)).state is State.REJECTED


def test_other_refusals_stay_what_they_are() -> None:
    """Only a rejection is turned."""
    assert payout(cancel_requested(at=1), say(State.FAILED, at=2)).state is State.FAILED


def test_superseded_request_counts_nothing() -> None:
    """Rules 5 and 7: a request that left the fold turns nothing."""
    asked = cancel_requested(at=1)
    assert payout(asked, rejected(at=2), correction(asked, at=3)).state is State.REJECTED


def test_rejection_after_paid_came_back() -> None:
    """Rule 4 before rule C: a granted cancel after `paid` means money back."""
    folded = payout(cancel_requested(at=1), paid(at=2), rejected(at=3))
    assert (folded.state, folded.flags) == (State.RETURNED, flags(Flag.VERIFY))


def test_turned_rejections_agree() -> None:
    """Rules 3 and C: a rejection and a told cancellation are the same answer then."""
    said = [cancel_requested(at=1), rejected(at=2), say(State.CANCELED, at=3, by=POLL)]
    folded = payout(*said)
    assert (folded.state, folded.flags) == (State.CANCELED, flags())
