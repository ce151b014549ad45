"""Rule 11: money that only an unsigned authority has told."""

from __future__ import annotations

import pytest

from libs.domain.lifecycle import Authority, Flag, State
from libs.domain.observation import Observation
from tests.unit.domain.saying import (
    OPERATOR,
    POLL,
    REPORT,
    SECRET,
    SIGNED,
    UNSIGNED,
    brl,
    declined,
    entry,
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
    won,
)

ALONE = paid(at=1, by=UNSIGNED)


@pytest.mark.parametrize("story", [[ALONE], [ALONE, paid(at=2, by=UNSIGNED)], [lost(by=UNSIGNED)]])
def test_unsigned_money_is_flagged(story: list[Observation]) -> None:
    """Rule 11 in bands 50 and 60."""
    assert Flag.UNCORROBORATED in payment(*story).flags


@pytest.mark.parametrize("by", [OPERATOR, POLL, REPORT, SIGNED, SECRET])
@pytest.mark.parametrize("at", [0, 5])
def test_agreement_clears_flag(by: Authority, at: int) -> None:
    """Rule 11: who agrees, earlier or later, corroborates; then not only the unsigned told it."""
    assert payment(ALONE, paid(at=at, by=by)).flags == flags()
    assert payout(ALONE, paid(at=at, by=by)).flags == flags()


def test_disagreement_does_not_clear() -> None:
    """Rule 11: a poll that still says `pending` agrees with nothing."""
    assert payment(ALONE, pending(at=2, by=POLL)).flags == flags(Flag.UNCORROBORATED)
    assert Flag.UNCORROBORATED in payment(ALONE, declined(at=2, by=POLL)).flags


def test_unsigned_open_state_is_not_flagged() -> None:
    """Rule 11 is about money."""
    assert payment(pending(by=UNSIGNED), declined(by=UNSIGNED)).flags == flags()


def test_unsigned_facet_is_flagged() -> None:
    """Rule 11: that it was paid is sure, that it was refunded is not."""
    sure = paid(at=1, by=POLL, amount=brl("100"))
    assert payment(sure, full(at=2, by=UNSIGNED)).flags == flags(Flag.UNCORROBORATED)
    assert payment(sure, full(at=2, by=UNSIGNED), full(at=3, by=POLL)).flags == flags()


def test_unsigned_part_of_sum_is_flagged() -> None:
    """Rule 11: a sure part does not vouch for an unsigned rest that makes it `refunded`."""
    sure = [paid(at=1, amount=brl("100")), refund(entry("30", ledger="a"), at=2)]
    rest = refund(entry("70", ledger="b"), at=3, by=UNSIGNED)
    folded = payment(*sure, rest)
    assert (folded.state, folded.flags) == (State.REFUNDED, flags(Flag.UNCORROBORATED))


def test_unsigned_win_hides_no_dispute() -> None:
    """Rule 11: back to `paid` by an unsigned word, while a poll says disputed."""
    folded = payment(paid(at=1), opened(at=2, by=POLL), won(at=3, by=UNSIGNED))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.UNCORROBORATED))


def test_unsigned_dispute_round_trip_is_clear() -> None:
    """Rule 11: the better ones say `paid` with or without it."""
    folded = payment(paid(at=1), opened(at=2, by=UNSIGNED), won(at=3, by=UNSIGNED))
    assert (folded.state, folded.flags) == (State.PAID, flags())


def test_unsigned_amount_does_not_taint() -> None:
    """Rule 11 is about the state; a sure refund of a sum known from an unsigned notice is sure."""
    story = [paid(at=1, by=UNSIGNED, amount=brl("100")), refund(entry("30"), at=2, by=POLL)]
    folded = payment(*story)
    assert (folded.state, folded.flags) == (State.PARTIALLY_REFUNDED, flags())


def test_returned_payout_was_told_by_secret() -> None:
    """Rules 4 and 11: the refusal that tells of the return is no unsigned one."""
    assert payout(ALONE, rejected(at=2)).flags == flags(Flag.VERIFY)
