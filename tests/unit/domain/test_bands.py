"""Rule 1: the highest band wins, and money beats a refusal."""

from __future__ import annotations

from itertools import permutations

import pytest

from libs.domain.lifecycle import BANDS, Band, Flag, Kind, State, band_of, states_of
from libs.domain.observation import DisputeStatus, Observation
from tests.unit.domain.saying import (
    POLL,
    TIMER,
    UNSIGNED,
    authorized,
    canceled,
    created,
    declined,
    dispute,
    entry,
    expired,
    flags,
    full,
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


@pytest.mark.parametrize("kind", Kind)
def test_higher_band_beats_later_time(kind: Kind) -> None:
    """Rule 1, each pair of states of different bands: an earlier higher one stands.

    But for a rejection after a cancel request, which rule 5 reads as `canceled`.
    """
    told = payment if kind is Kind.PAYMENT else payout
    open_or_held = [s for s in states_of(kind) if band_of(kind, s) < 40]
    lower = [s for s in open_or_held if s is not State.CANCEL_REQUESTED]
    higher = [s for s in states_of(kind) if band_of(kind, s) in (30, 40, 50)]
    for low in lower:
        for high in higher:
            if band_of(kind, high) > band_of(kind, low):
                folded = told(say(high, at=1), say(low, at=2))
                assert (folded.state, folded.flags) == (high, flags())


@pytest.mark.parametrize("state", BANDS[Kind.PAYMENT][Band.NEGATIVE])
def test_money_after_refusal_is_late(state: State) -> None:
    """Rule 1: 50 beats 40, with the flag `late`."""
    folded = payment(say(state, at=1), paid(at=2))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.LATE))


def test_money_at_same_time_is_late() -> None:
    """Rule 1: a refusal of the very same time is not later than the money."""
    folded = payment(paid(at=2), declined(at=2))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.LATE))


def test_paid_without_refusal_is_not_late() -> None:
    """Rule 1: only a refusal makes money late."""
    assert payment(created(), authorized(at=1), paid(at=2)).flags == flags()


def test_payout_paid_late_too() -> None:
    """Rule 1 holds for payouts."""
    folded = payout(rejected(at=1), paid(at=2))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.LATE))


def test_late_stays_after_refund() -> None:
    """Rule 1: the flag tells of the object's past, also once the money went back."""
    folded = payment(expired(at=1), paid(at=2), full(at=3))
    assert (folded.state, folded.flags) == (State.REFUNDED, flags(Flag.LATE))


def test_better_authority_cannot_lower_band() -> None:
    """Rule 1 before rule 3: a poll that says `pending` does not undo an unsigned `paid`."""
    folded = payment(paid(at=1, by=UNSIGNED), pending(at=2, by=POLL))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.UNCORROBORATED))


def test_order_of_arrival_is_nothing() -> None:
    """The promise, in small: every order of one history gives one whole `Folded`."""
    said = [created(), expired(at=1, by=TIMER), paid(at=2), opened(at=3), refund(entry("5"), at=4)]
    assert len({repr(payment(*order)) for order in permutations(said)}) == 1


@pytest.mark.parametrize(
    ("facet", "state"),
    [(full(at=2), State.REFUNDED), (opened(at=2), State.DISPUTED), (won(at=2), State.PAID)],
)
def test_facet_after_refusal_is_late(facet: Observation, state: State) -> None:
    """Rule 1 where the provider skipped `paid`: money that was there had beaten the refusal."""
    folded = payment(expired(at=1), facet)
    assert (folded.state, folded.flags) == (state, flags(Flag.LATE))


def test_refusal_after_facet_is_conflict() -> None:
    """Rule 4 where the provider skipped `paid`."""
    folded = payment(lost(at=1), declined(at=2))
    assert (folded.state, folded.flags) == (State.CHARGED_BACK, flags(Flag.CONFLICT))


def test_timer_after_facet_is_silent() -> None:
    """A late expiry notice is routine, also where `paid` was skipped."""
    assert payment(full(at=1), expired(at=2, by=TIMER)).flags == flags()


def test_facet_alone_implies_payment() -> None:
    """Skipped statuses are legal: a dispute without `paid` moves the state."""
    assert payment(dispute(DisputeStatus.OPEN)).state is State.DISPUTED
    assert payment(canceled(at=1), lost(at=2)).state is State.CHARGED_BACK
