"""Rule 10 and the facts beside the state: whose word counts, and what differs."""

from __future__ import annotations

import pytest

from libs.domain.lifecycle import Flag, State
from libs.domain.money import Money
from tests.unit.domain.saying import (
    POLL,
    UNSIGNED,
    brl,
    declined,
    entry,
    expired,
    flags,
    minute,
    opened,
    paid,
    payment,
    pending,
    refund,
    say,
)


def test_differing_amount_still_moves_state() -> None:
    """Rule 10: the state moves, with the flag."""
    folded = payment(pending(at=1, amount=brl("100")), paid(at=2, amount=brl("110")))
    assert (folded.state, folded.flags) == (State.PAID, flags(Flag.AMOUNT_MISMATCH))
    assert folded.amount == brl("110").amount


def test_differing_currency_is_mismatch() -> None:
    """Rule 10: the same number in another currency is another amount."""
    other = Money.of("100", "TEST")
    folded = payment(pending(at=1, amount=brl("100")), paid(at=2, amount=other))
    assert Flag.AMOUNT_MISMATCH in folded.flags
    assert folded.currency == "TEST"


def test_currency_of_refund_notice_counts() -> None:
    """Rule 10: a notice that tells a currency without an amount can differ too."""
    story = paid(at=1, amount=brl("100"))
    same = refund(entry("10"), at=2, currency="BRL")
    other = refund(entry("10"), at=2, currency="ARS")
    assert payment(story, same).flags == flags()
    assert payment(story, other).flags == flags(Flag.AMOUNT_MISMATCH)


def test_equal_amounts_agree() -> None:
    """Rule 10: 47.5 and 47.50 do not differ."""
    folded = payment(pending(at=1, amount=brl("47.5")), paid(at=2, amount=brl("47.50")))
    assert (folded.flags, str(folded.amount)) == (flags(), "47.50")


def test_unknown_amount_is_no_mismatch() -> None:
    """Rule 10: silence does not differ."""
    folded = payment(pending(at=1, amount=brl("100")), paid(at=2))
    assert (folded.amount, folded.flags) == (brl("100").amount, flags())


def test_better_authority_tells_amount() -> None:
    """Of two that say `paid`, the poll knows the sum."""
    folded = payment(
        paid(at=1, amount=brl("99"), by=UNSIGNED), paid(at=0, amount=brl("100"), by=POLL)
    )
    assert folded.amount == brl("100").amount


def test_currency_alone_is_kept() -> None:
    """A refund notice may be all that tells the currency."""
    folded = payment(refund(entry("10"), currency="CLP"))
    assert (folded.amount, folded.currency) == (None, "CLP")


def test_adapters_flags_stay() -> None:
    """`test` and `amount_mismatch` of one observation are the object's."""
    marked = pending(at=1, flags=flags(Flag.TEST, Flag.AMOUNT_MISMATCH))
    folded = payment(marked, paid(at=2))
    assert folded.flags == flags(Flag.TEST, Flag.AMOUNT_MISMATCH)
    assert folded.livemode is False


def test_live_unless_marked() -> None:
    """Money is real where nobody says test."""
    assert payment(paid()).livemode is True


def test_verify_goes_with_its_observation() -> None:
    """Safe2Pay 11 asks to verify `pending`; once paid, nothing is left to ask."""
    released = pending(at=1, word="11", flags=flags(Flag.VERIFY))
    assert payment(released).flags == flags(Flag.VERIFY)
    assert payment(released, paid(at=2)).flags == flags()


def test_reason_belongs_to_refusal() -> None:
    """Why it was refused is told only while it is refused."""
    refused = declined(at=1, failure_reason="funds")
    assert payment(refused).failure_reason == "funds"
    assert payment(refused, paid(at=2, failure_reason="x")).failure_reason is None


@pytest.mark.parametrize("name", ["merchant_ref", "method"])
def test_facts_follow_weight(name: str) -> None:
    """A fact is what the highest band, then the best authority tells; silence tells nothing."""
    said = [pending(at=9, **{name: "early"}), paid(at=1, **{name: "sure"}), opened(at=3)]
    assert getattr(payment(*said), name) == "sure"


def test_settlement_step_is_the_latest() -> None:
    """Mobbex 299 → 300 → 301, in any order of arrival."""
    steps = [paid(at=at, settlement_step=step) for at, step in ((3, "301"), (1, "299"), (2, "300"))]
    assert payment(*steps).settlement_step == "301"


def test_aliases_are_united() -> None:
    """Every other name that the object bears, sorted."""
    folded = payment(pending(at=1, aliases=("b", "a")), paid(at=2, aliases=("b", "c")))
    assert folded.aliases == ("a", "b", "c")


def test_expiry_date_is_kept() -> None:
    """A scheduled expiry is a fact, never an event time."""
    folded = payment(say(State.AUTHORIZED, at=1, expires_at=minute(15)), expired(at=16))
    assert (folded.expires_at, folded.occurred_at) == (minute(15), minute(16))
