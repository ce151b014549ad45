"""Effective time: the provider's where it is credible, else receipt."""

from __future__ import annotations

import pytest

from libs.domain.lifecycle import Flag, State
from tests.unit.domain.saying import declined, flags, minute, paid, payment, pending, say


@pytest.mark.parametrize(("ahead", "clamped"), [(0, False), (5, False), (5.001, True), (600, True)])
def test_clock_ahead_is_clamped(ahead: float, clamped: bool) -> None:  # noqa: FBT001 - a table
    """More than 5 minutes ahead of receipt: receipt counts, flag `clock`."""
    said = paid(at=10, occurred_at=minute(10 + ahead))
    folded = payment(said)
    assert folded.occurred_at == (minute(10) if clamped else minute(10 + ahead))
    assert folded.flags == (flags(Flag.CLOCK) if clamped else flags())
    assert said.occurred_at == minute(10 + ahead)


def test_clamped_time_orders() -> None:
    """A clock far ahead does not make old news the newest."""
    ahead = pending(at=1, occurred_at=minute(999))
    folded = payment(ahead, say(State.IN_REVIEW, at=2))
    assert (folded.state, folded.flags) == (State.IN_REVIEW, flags(Flag.CLOCK))


def test_clock_far_behind_is_believed() -> None:
    """A notice may be days late; only the future is not believed."""
    folded = payment(declined(at=0, received_at=minute(9999)), paid(at=1))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.LATE))


def test_both_clocks_are_kept() -> None:
    """The fold shows effective time and receipt of who decided."""
    folded = payment(paid(at=3, received_at=minute(7)))
    assert (folded.occurred_at, folded.received_at) == (minute(3), minute(7))


def test_first_receipt_stands() -> None:
    """The same observation, received again later, changes no time."""
    first = paid(at=3, untimed=True)
    again = paid(at=3, untimed=True, received_at=minute(8), delivery_id="again")
    assert payment(again, first) == payment(first)
