"""Rules 8 and 9: what says no state moves none."""

from __future__ import annotations

import pytest

from libs.domain.fold import fold
from libs.domain.lifecycle import Kind, State
from libs.domain.verdict import Rule
from tests.unit.domain.saying import TIMER, authorized, expired, flags, paid, payment, pending, say


def test_attempt_leaves_order_open() -> None:
    """Rule 9: the state stays and the attempt is counted."""
    one, two = (say(word="otp_invalid", at=at, attempt=True) for at in (2, 3))
    folded = payment(authorized(at=1), one, two)
    assert (folded.state, folded.attempts) == (State.AUTHORIZED, 2)
    assert {v.key: v.rule for v in folded.verdicts}[one.key] is Rule.ATTEMPT


def test_resent_attempt_counts_once() -> None:
    """Rule 9: the same observation twice is one attempt."""
    one = say(word="otp_invalid", at=2, attempt=True)
    assert payment(one, one).attempts == 1


def test_attempt_may_say_state_too() -> None:
    """Clip's PENDING after a declined card: a state and an attempt."""
    folded = payment(pending(at=1, attempt=True), paid(at=2))
    assert (folded.state, folded.attempts) == (State.PAID, 1)


def test_attempt_alone_gives_no_state() -> None:
    """Rule 9: an attempt tells of no order."""
    folded = payment(say(word="execution_error", attempt=True))
    assert (folded.state, folded.attempts) == (None, 1)


def test_sale_after_attempts_is_not_late() -> None:
    """Rule 9: a declined attempt is no refusal."""
    said = [authorized(), say(word="otp_invalid", at=1, attempt=True), paid(at=2)]
    assert payment(*said).flags == flags()


def test_stateless_notice_moves_nothing() -> None:
    """Rule 8: what the mapping does not know never reaches a state; a bare notice is noted."""
    note = say(word="validation", at=5)
    folded = payment(pending(at=1), note)
    assert folded.state is State.PENDING
    assert {v.key: v.rule for v in folded.verdicts}[note.key] is Rule.NOTED


def test_local_timer_expires_held_payment() -> None:
    """A local timer is an observation of authority `timer`; a later sale beats it."""
    timer = expired(at=30, by=TIMER)
    assert payment(authorized(), timer).state is State.EXPIRED
    assert payment(authorized(), timer, paid(at=31)).state is State.PAID


def test_nothing_told_is_an_error() -> None:
    """An object exists because something was said about it."""
    with pytest.raises(ValueError, match="nothing was said"):
        fold(Kind.PAYMENT, [])
