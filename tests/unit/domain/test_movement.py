"""Rule 2: free movement by effective time inside the open and the held band."""

from __future__ import annotations

from itertools import pairwise

import pytest

from libs.domain.lifecycle import BANDS, Band, Kind, State
from tests.unit.domain.saying import OPERATOR, UNSIGNED, created, minute, payment, payout, say

IN_REVIEW, PENDING, PROCESSING = State.IN_REVIEW, State.PENDING, State.PROCESSING


@pytest.mark.parametrize("kind", Kind)
def test_latest_time_wins_among_open(kind: Kind) -> None:
    """Rule 2: every ordered pair of open states moves freely, backward too."""
    told = payment if kind is Kind.PAYMENT else payout
    for first in BANDS[kind][Band.OPEN]:
        for second in BANDS[kind][Band.OPEN]:
            assert told(say(first, at=1), say(second, at=2)).state is second


def test_documented_loop_of_payu_moves() -> None:
    """Rule 2: IN_PAYU_PROCESS goes back to IN_VALIDATION."""
    loop = [say(PROCESSING, at=1), say(IN_REVIEW, at=2)]
    assert payout(*loop).state is IN_REVIEW
    assert payout(*loop, say(PROCESSING, at=3)).state is PROCESSING


@pytest.mark.parametrize("kind", Kind)
def test_list_order_breaks_equal_times(kind: Kind) -> None:
    """Rule 2: at one time the later in the list wins, `created` < `pending` < `in_review`."""
    told = payment if kind is Kind.PAYMENT else payout
    for earlier, later in pairwise(BANDS[kind][Band.OPEN]):
        assert told(say(later, at=1), say(earlier, at=1)).state is later


def test_key_breaks_what_remains() -> None:
    """Rule 2: same time, same state: the greater observation id decides."""
    one = say(PENDING, at=1, key="b", provider_status="second")
    other = say(PENDING, at=1, key="a", provider_status="first")
    assert payment(one, other).provider_status == "second"


def test_held_band_moves_by_time() -> None:
    """Rule 2 in band 30: one state, the latest notice speaks for it."""
    folded = payment(
        say(State.AUTHORIZED, at=2, word="second"), say(State.AUTHORIZED, at=1, word="first")
    )
    assert folded.provider_status == "second"


def test_authority_counts_nothing_when_open() -> None:
    """Rule 2: time alone, whoever says it."""
    assert payment(say(PENDING, at=1, by=OPERATOR), say(IN_REVIEW, at=2, by=UNSIGNED)).state is (
        IN_REVIEW
    )


def test_event_time_beats_receipt() -> None:
    """Effective time: an older event that arrives later stays older."""
    newer = say(IN_REVIEW, at=5)
    older = say(PENDING, at=3, received_at=minute(9))
    assert payment(newer, older).state is IN_REVIEW


def test_receipt_stands_in_for_event_time() -> None:
    """Effective time: without an event time the receipt orders."""
    assert payment(say(PENDING, at=5, untimed=True), created(at=4)).state is PENDING
