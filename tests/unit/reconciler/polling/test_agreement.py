"""How an answer stands to what the webhooks had told."""

from __future__ import annotations

import pytest

from libs.domain.lifecycle import Kind, State
from services.reconciler.polling.agreement import Agreement, agreement_of
from tests.unit.domain.saying import opened, say


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [
        (None, State.CREATED, Agreement.POLL_AHEAD),
        (State.PAID, State.PAID, Agreement.AGREES),
        (State.PENDING, State.PAID, Agreement.POLL_AHEAD),
        (State.CREATED, State.PENDING, Agreement.POLL_AHEAD),
        (State.PENDING, State.CREATED, Agreement.POLL_BEHIND),
        (State.PAID, State.PENDING, Agreement.POLL_BEHIND),
        (State.DISPUTED, State.PAID, Agreement.POLL_BEHIND),
        (State.PENDING, State.EXPIRED, Agreement.POLL_AHEAD),
        (State.EXPIRED, State.PENDING, Agreement.POLL_BEHIND),
        (State.EXPIRED, State.PAID, Agreement.POLL_AHEAD),
        (State.PAID, State.DECLINED, Agreement.CONFLICT),
        (State.DECLINED, State.EXPIRED, Agreement.CONFLICT),
        (State.REFUNDED, State.DECLINED, Agreement.CONFLICT),
    ],
)
def test_answer_beside_the_object(known: State | None, told: State, expected: Agreement) -> None:
    assert agreement_of(Kind.PAYMENT, known and known.value, [say(told)]) is expected


def test_answer_of_several_parts_is_one() -> None:
    """A paid link and its refund; a dispute."""
    said = [say(State.PAID, at=1), opened(at=2)]
    assert agreement_of(Kind.PAYMENT, "disputed", said) is Agreement.AGREES


def test_answer_without_a_state_says_nothing() -> None:
    assert agreement_of(Kind.PAYMENT, "paid", []) is None
    assert agreement_of(Kind.PAYMENT, "paid", [say(None, attempt=True)]) is None
