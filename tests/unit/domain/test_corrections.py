"""Rule 7: a correction names what it supersedes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from libs.domain.lifecycle import Authority, Flag, State
from libs.domain.verdict import Outcome, Rule
from tests.unit.domain.saying import (
    OPERATOR,
    POLL,
    REPORT,
    SECRET,
    SIGNED,
    TIMER,
    UNSIGNED,
    brl,
    correction,
    declined,
    entry,
    flags,
    full,
    outcome,
    paid,
    payment,
    pending,
    refund,
)

WRONG = paid(at=2)
STORY = (pending(at=1), WRONG)


def test_operator_takes_paid_back() -> None:
    """Rule 7: what was superseded leaves the fold and stays on record."""
    folded = payment(*STORY, correction(WRONG, at=3))
    assert folded.state is State.PENDING
    assert outcome(folded, WRONG) is Outcome.SUPERSEDED
    assert len(folded.verdicts) == 3


def test_poll_contradicts_and_lowers_nothing() -> None:
    """Rules 4 and 7: a poll can be stale, so what it denies stands, with `conflict`."""
    polled = declined(at=3, by=POLL, supersedes=(WRONG.key,))
    folded = payment(*STORY, polled)
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.CONFLICT))


@pytest.mark.parametrize("by", [POLL, REPORT, SIGNED, SECRET, UNSIGNED, TIMER])
def test_others_correct_nothing(by: Authority) -> None:
    """Rule 7 names the operator alone."""
    folded = payment(*STORY, correction(WRONG, at=3, by=by))
    assert folded.state is State.PAID
    assert outcome(folded, WRONG) is Outcome.APPLIED


def test_correction_can_be_undone() -> None:
    """Rule 7: a correction is an observation, and may itself be superseded."""
    first = correction(WRONG, at=3)
    undo = correction(first, at=4, word="undo")
    folded = payment(*STORY, first, undo)
    assert folded.state is State.PAID
    assert outcome(folded, first) is Outcome.SUPERSEDED
    assert outcome(folded, WRONG) is Outcome.APPLIED
    redo = correction(undo, at=5, word="redo")
    assert payment(*STORY, first, undo, redo).state is State.PENDING


def test_later_correction_is_not_taken_back() -> None:
    """Rule 7: of two where the earlier names the later, the later stands with all it did."""
    first = correction(at=3, supersedes=("last",))
    last = correction(WRONG, at=4, key="last")
    folded = payment(*STORY, first, last)
    assert folded.state is State.PENDING
    assert outcome(folded, last) is Outcome.APPLIED


def test_later_of_two_mutual_corrections_stands() -> None:
    """Rule 7: they name each other; the later received takes the earlier out."""
    first = correction(at=3, supersedes=("last", WRONG.key))
    last = correction(at=4, key="last", supersedes=(first.key,))
    assert payment(*STORY, first, last).state is State.PAID


def test_correction_before_its_target_holds() -> None:
    """The set counts: the superseded may arrive after the correction."""
    late = paid(at=9)
    assert payment(pending(at=1), correction(late, at=3), late).state is State.PENDING


def test_correction_of_itself_is_void() -> None:
    """A correction stays on record, so that the fold is never empty."""
    folded = payment(paid(key="me", by=OPERATOR, supersedes=("me",)))
    assert folded.state is State.PAID


def test_unknown_key_supersedes_nothing() -> None:
    """A name that nobody bears is ignored."""
    assert payment(*STORY, correction(at=3, supersedes=("nobody",))).state is State.PAID


def test_everything_superseded_leaves_no_state() -> None:
    """What remains is the correction, which says no state."""
    assert payment(WRONG, correction(WRONG, at=3)).state is None


def test_superseded_refund_leaves_ledger() -> None:
    """Rules 6 and 7: its sum, its amount and its attempt go with it."""
    base = paid(at=1, amount=brl("100"))
    wrong = refund(entry("60"), at=2, amount=brl("90"), attempt=True)
    folded = payment(base, wrong, correction(wrong, at=3))
    assert (folded.state, folded.refunded_amount, folded.amount) == (
        State.PAID,
        Decimal(0),
        brl("100").amount,
    )
    assert (folded.attempts, folded.flags) == (0, flags())


def test_correction_names_its_rule() -> None:
    """An operator sees which rule the correction stands on."""
    fix = correction(WRONG, at=3)
    rules = {v.key: v.rule for v in payment(*STORY, fix).verdicts}
    assert rules[fix.key] is Rule.CORRECTION
    assert rules[WRONG.key] is Rule.CORRECTION


def test_correction_lowers_from_refunded() -> None:
    """Rule 7 is the one way down from band 60."""
    wrong = full(at=3)
    assert payment(*STORY, wrong, correction(wrong, at=4)).state is State.PAID
