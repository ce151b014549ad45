"""What is news, what is bookkeeping, and that the last event says what the row says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest

from libs.contracts.event import EventData
from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.domain.observation import Observation
from services.reconciler.change import _NEWS, change_of, event_data
from tests.unit.domain.saying import (
    brl,
    correction,
    declined,
    entry,
    minute,
    paid,
    pending,
    refund,
    say,
)
from tests.unit.reconciler.arriving import arrive, events
from tests.unit.reconciler.histories import history_of

PAYMENT = Kind.PAYMENT
FIRST = pending(at=1, amount=brl("10.00"))


@pytest.mark.parametrize(
    "more",
    [
        paid(at=2),
        pending(at=2, word="EN PROCESO"),
        pending(at=2, merchant_ref="m-1"),
        pending(at=2, amount=brl("11.00")),
        pending(at=2, fees=Decimal("0.30")),
        pending(at=2, net=Decimal("9.70")),
        pending(at=2, flags=frozenset({Flag.TEST})),
        pending(at=2, by=Authority.POLL),
        pending(at=2, method="pix"),
        pending(at=2, expires_at=minute(90)),
        pending(at=2),  # another observation decides: its time is public
    ],
    ids=lambda said: said.key,
)
def test_public_difference_is_news(more: Observation) -> None:
    row, changes = arrive(PAYMENT, [FIRST, more])
    assert [event.sequence for event in events(changes)] == [1, 2]
    assert row.sequence == 2


@pytest.mark.parametrize(
    "more",
    [
        say(None, at=0, attempt=True, word="attempt"),
        say(None, at=0, settlement_step="2", word="step"),
    ],
    ids=lambda said: said.key,
)
def test_bookkeeping_is_no_news(more: Observation) -> None:
    """The row keeps count; what the last event said of the object stays true."""
    row, changes = arrive(PAYMENT, [FIRST, more])
    assert [event.sequence for event in events(changes)] == [1]
    assert len(changes) == 2
    assert event_data(row) == events(changes)[-1].data


def test_same_again_changes_nothing() -> None:
    row, _ = arrive(PAYMENT, [FIRST])
    assert change_of(row, fold(PAYMENT, [FIRST, FIRST])) is None


def test_stale_news_changes_nothing() -> None:
    row, _ = arrive(PAYMENT, [paid(at=5)])
    assert change_of(row, fold(PAYMENT, [paid(at=5), pending(at=2)])) is None


def test_refusal_tells_its_reason() -> None:
    row, changes = arrive(PAYMENT, [FIRST, declined(at=2, failure_reason="no funds")])
    assert row.failure_reason == "no funds"
    assert events(changes)[-1].data.failure_reason == "no funds"
    row, _ = arrive(PAYMENT, [FIRST, declined(at=2, failure_reason="no funds"), paid(at=3)])
    assert row.failure_reason is None


def test_first_event_has_no_previous_state() -> None:
    _, changes = arrive(PAYMENT, [FIRST, paid(at=2), refund(entry("10.00"), at=3)])
    assert [(e.data.previous_state, e.data.state) for e in events(changes)] == [
        (None, State.PENDING),
        (State.PENDING, State.PAID),
        (State.PAID, State.REFUNDED),
    ]


def test_without_a_state_nothing_is_published() -> None:
    attempt = say(None, at=1, attempt=True, word="attempt")
    row, changes = arrive(PAYMENT, [attempt, replace(attempt, key="second")])
    assert (row.state, row.sequence, row.attempts, events(changes)) == (None, 0, 2, [])
    with pytest.raises(ValueError, match="nothing has been said"):
        event_data(row)


def test_correction_is_told_as_a_change() -> None:
    """Paid by mistake: the state goes down again, and the consumers hear of it."""
    wrong = paid(at=2)
    _, changes = arrive(PAYMENT, [FIRST, wrong, correction(wrong, at=3)])
    assert [event.data.state for event in events(changes)] == ["pending", "paid", "pending"]


def test_amounts_are_compared_as_numbers() -> None:
    """A row read back may write 10 where the fold writes 10.00: no news."""
    row, _ = arrive(PAYMENT, [FIRST])
    assert change_of(replace(row, amount=Decimal(10)), fold(PAYMENT, [FIRST])) is None


@pytest.mark.parametrize("seed", range(60))
def test_last_event_says_what_the_row_says(seed: int) -> None:
    """Whatever arrives in whatever order; sequences run from one without a gap."""
    random = Random(seed)
    said = history_of("ref-1", random, random.randint(1, 12))
    row, changes = arrive(said[0].kind, said)
    published = events(changes)
    assert [event.sequence for event in published] == list(range(1, row.sequence + 1))
    if published:
        assert published[-1].data == event_data(row)
    states = [event.data.state for event in published]
    assert [event.data.previous_state for event in published] == [None, *states[:-1]][: len(states)]


@pytest.mark.parametrize("seed", range(12))
def test_every_order_ends_in_one_row(seed: int) -> None:
    """All orders of five reports: the rows differ in nothing that is no matter of the path."""
    said = history_of("ref-1", Random(seed), 5)
    path = {"sequence": 0, "previous_state": None}
    ends = {
        repr(replace(arrive(said[0].kind, order)[0], **path))  # type: ignore[arg-type] # by name
        for order in permutations(said)
    }
    assert len(ends) == 1


def test_every_public_field_is_news_or_path() -> None:
    """A field added to the event must be thought of here too."""
    beside = {"source", "provider", "kind", "provider_ref"}  # what names it
    path = {"previous_state", "occurred_at", "received_at", "delivery_id"}
    assert (set(_NEWS) - {"decided_by"}) | beside | path == set(EventData.model_fields)
