"""Rule 5: refunds, voids and disputes on top of a paid payment."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from libs.domain.lifecycle import Authority, Flag, State
from libs.domain.observation import Extent, FacetStatus, Observation
from tests.unit.domain.saying import (
    OPERATOR,
    POLL,
    REPORT,
    SECRET,
    brl,
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
    refund_declined,
    won,
)

PAID = paid(at=1, amount=brl("100"))
PARTLY = Extent.PARTIAL


@pytest.mark.parametrize(
    ("facet", "state"),
    [
        (opened(at=2), State.DISPUTED),
        (lost(at=2), State.CHARGED_BACK),
        (won(at=2), State.PAID),
        (refund_declined(at=2), State.PAID),
        (full(at=2), State.REFUNDED),
        (refund(entry("100"), at=2), State.REFUNDED),
        (refund(entry("99.99"), at=2), State.PARTIALLY_REFUNDED),
        (refund(entry(extent=PARTLY), at=2), State.PARTIALLY_REFUNDED),
        (refund(entry(), at=2), State.PAID),
        (refund(entry(extent=Extent.FULL, void=True), at=2), State.VOIDED),
        (refund(entry("100", void=True), at=2), State.VOIDED),
        (refund(entry("100", status=FacetStatus.REQUESTED), at=2), State.PAID),
    ],
    ids=lambda value: value.provider_status if isinstance(value, Observation) else value,
)
def test_one_facet_gives_state(facet: Observation, state: State) -> None:
    """Rule 5, each facet alone on a paid payment of 100."""
    assert payment(PAID, facet).state is state


@pytest.mark.parametrize("refunds", [full(at=3), refund(entry("40"), at=3)])
def test_lost_dispute_beats_refunds(refunds: Observation) -> None:
    """Rule 5: first of all a dispute that was lost."""
    assert payment(PAID, lost(at=2), refunds).state is State.CHARGED_BACK


def test_covering_refund_beats_open_dispute() -> None:
    """Rule 5: refunds that cover the amount stand before an open dispute."""
    assert payment(PAID, full(at=2), opened(at=3)).state is State.REFUNDED


def test_open_dispute_beats_partial_refund() -> None:
    """Rule 5: an open dispute stands before a refund below the amount."""
    assert payment(PAID, refund(entry("40"), at=2), opened(at=3)).state is State.DISPUTED


def test_partial_refund_beats_won_dispute() -> None:
    """Rule 5: a dispute that was won gives nothing back that was refunded."""
    said = [PAID, opened(at=2), refund(entry("40"), at=3), won(at=4)]
    assert payment(*said).state is State.PARTIALLY_REFUNDED


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (opened(at=2), lost(at=3), State.CHARGED_BACK),
        (lost(at=2), won(at=3), State.PAID),
        (won(at=2), lost(at=3), State.CHARGED_BACK),
        (won(at=2), opened(at=3), State.DISPUTED),
        (lost(at=2), opened(at=3), State.DISPUTED),
    ],
    ids=lambda value: value.provider_status if isinstance(value, Observation) else value,
)
def test_timed_dispute_follows_time(first: Observation, second: Observation, state: State) -> None:
    """Rule 5: where all notices tell their time, the last one holds."""
    assert payment(PAID, second, first).state is state


@pytest.mark.parametrize(
    ("count", "state"), [(1, State.DISPUTED), (2, State.CHARGED_BACK), (3, State.PAID)]
)
def test_untimed_dispute_goes_open_lost_won(count: int, state: State) -> None:
    """Rule 5: without event times, whatever the order of arrival."""
    for order in permutations([opened, lost, won][:count]):
        notices = [tell(at=at, untimed=True) for at, tell in enumerate(order, start=2)]
        assert payment(PAID, *notices).state is state


def test_one_untimed_notice_unties_time() -> None:
    """Rule 5: receipt and event times are not compared; the order open, lost, won holds."""
    assert payment(PAID, lost(at=2), opened(at=3, untimed=True)).state is State.CHARGED_BACK


def test_refund_closes_dispute_it_answers() -> None:
    """Rule 5: what was refunded in answer is no longer in dispute."""
    answer = refund(entry("40", answers_dispute=True), at=3)
    assert payment(PAID, opened(at=2), answer).state is State.PARTIALLY_REFUNDED


def test_other_refund_leaves_dispute_open() -> None:
    """Rule 5: only the refund that answers it; a request for one answers nothing."""
    assert payment(PAID, opened(at=2), refund(entry("40"), at=3)).state is State.DISPUTED
    asked = entry("40", answers_dispute=True, status=FacetStatus.REQUESTED)
    assert payment(PAID, opened(at=2), refund(asked, at=3)).state is State.DISPUTED


def test_answer_of_unknown_amount_stays_paid() -> None:
    """Rule 5: the dispute is closed, the sum is to be asked; also where `paid` was skipped."""
    answer = refund(entry(answers_dispute=True), at=3)
    for story in ([PAID], [pending()], []):
        folded = payment(*story, opened(at=2), answer)
        assert (folded.state, folded.flags) == (State.PAID, flags(Flag.VERIFY))


def test_unknown_amount_stays_and_asks() -> None:
    """Rule 5: Clip's APPROVED tells no amount."""
    folded = payment(PAID, refund(entry(), at=2))
    assert (folded.state, folded.flags, folded.refunded_amount) == (
        State.PAID,
        flags(Flag.VERIFY),
        None,
    )
    assert payment(pending(), refund(entry(), at=2)).state is State.PENDING


def test_unknown_part_is_partial_and_asks() -> None:
    """Rule 5 and Mobbex 605: the status says partial, nobody says how much."""
    folded = payment(PAID, refund(entry(extent=PARTLY), at=2))
    assert (folded.state, folded.flags, folded.refunded_amount) == (
        State.PARTIALLY_REFUNDED,
        flags(Flag.VERIFY),
        None,
    )


@pytest.mark.parametrize("by", [POLL, REPORT, OPERATOR])
def test_poll_without_amount_still_asks(by: Authority) -> None:
    """Mobbex: a poll settles 605 only as far as it shows the amount."""
    part = entry(extent=PARTLY)
    folded = payment(PAID, refund(part, at=2), refund(part, at=3, by=by))
    assert (folded.state, folded.flags) == (State.PARTIALLY_REFUNDED, flags(Flag.VERIFY))


def test_poll_with_amount_ends_asking() -> None:
    """Rule 5: the flag asks for a poll, and the poll answers."""
    told = refund(entry("40", extent=PARTLY), at=3, by=POLL)
    folded = payment(PAID, refund(entry(extent=PARTLY), at=2), told)
    assert (folded.state, folded.flags) == (State.PARTIALLY_REFUNDED, flags())
    assert folded.refunded_amount == brl("40").amount


def test_full_refund_ends_asking_for_parts() -> None:
    """Mobbex 605 → 602: once everything went back, no part is left to ask for."""
    part = refund(entry(extent=PARTLY), at=2, flags=flags(Flag.VERIFY))
    folded = payment(PAID, part, full(at=3))
    assert (folded.state, folded.flags) == (State.REFUNDED, flags())


def test_marked_full_refund_asks_until_settled() -> None:
    """Mobbex `operator`: void or refund? A notice of the same tier leaves that open, a poll ends it."""
    story = [PAID, refund(entry("100"), at=2, flags=flags(Flag.VERIFY))]
    assert payment(*story).flags == flags(Flag.VERIFY)
    void = entry("100", extent=Extent.FULL, void=True)
    again = payment(*story, refund(void, at=3, by=SECRET))
    polled = payment(*story, refund(void, at=3, by=POLL))
    assert (again.state, again.flags) == (State.VOIDED, flags(Flag.VERIFY))
    assert (polled.state, polled.flags) == (State.VOIDED, flags())


def test_declined_refund_goes_back_to_paid() -> None:
    """Rule 5: the last final word of the best authority on one refund."""
    gave = refund(entry("100"), at=2)
    refused = refund(entry("100", status=FacetStatus.DECLINED), at=3)
    assert payment(PAID, gave, refused).state is State.PAID
    assert payment(PAID, gave, refused).refunded_amount == 0
    polled = refund(entry("100"), at=1.5, by=POLL)
    assert payment(PAID, gave, refused, polled).state is State.REFUNDED


def test_request_after_decision_changes_nothing() -> None:
    """Safe2Pay 12, 19: a running refund that is told late does not reopen a finished one."""
    running = refund(entry("100", status=FacetStatus.REQUESTED), at=9, by=POLL)
    assert payment(PAID, refund(entry("100"), at=2), running).state is State.REFUNDED


def test_request_alone_gives_no_state() -> None:
    """A refund that is only requested moves no state."""
    folded = payment(refund(entry("5", status=FacetStatus.REQUESTED)))
    assert (folded.state, folded.refunded_amount) == (None, Decimal(0))


def test_decider_is_a_refund_that_stands() -> None:
    """Who decided is one of those that say the state, not a notice that was overruled."""
    overruled = refund(entry("5", ledger="r2"), at=5)
    refused = refund(entry(ledger="r2", status=FacetStatus.DECLINED), at=4, by=OPERATOR)
    folded = payment(PAID, full(at=3), overruled, refused)
    assert folded.decided_by == full(at=3).key


def test_payout_has_no_facets() -> None:
    """Facets belong to payments."""
    assert payout(paid(at=1), lost(at=2), full(at=3)).state is State.PAID
