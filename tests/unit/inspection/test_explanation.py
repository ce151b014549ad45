"""Why an object is in its state: readable, complete, and the same whatever arrived first."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest

from libs.contracts.event import EventData
from libs.domain.fold import fold
from libs.domain.lifecycle import Kind
from libs.domain.observation import Observation
from libs.store.inspect import Repeated
from services.inspection.explanation import Explanation, says
from services.inspection.view import BESIDE, PATH, object_view
from tests.unit.domain.saying import (
    UNSIGNED,
    brl,
    cancel_failed,
    correction,
    declined,
    entry,
    full,
    minute,
    opened,
    paid,
    pending,
    refund,
    refund_declined,
    say,
)
from tests.unit.reconciler.arriving import arrive, blank
from tests.unit.reconciler.histories import history_of
from tests.unit.reconciler.telling import delivery_id, received

PAYMENT = Kind.PAYMENT


def explained(
    *said: Observation, repeats: tuple[Repeated, ...] = (), kind: Kind = PAYMENT
) -> Explanation:
    """Explain an object at which this arrived in this order."""
    row, _ = arrive(kind, said)
    return Explanation(row, fold(kind, said), said, repeats)


def test_each_observation_has_its_line() -> None:
    wrong = declined(at=4)
    lines = explained(
        paid(at=3), pending(at=1), wrong, correction(wrong, at=6), declined(at=5)
    ).lines()
    assert [(line["says"], line["verdict"]) for line in lines] == [
        ("pending", "applied"),
        ("paid", "applied"),
        ("declined", "superseded"),
        ("declined", "conflict"),
        ("corrects 1", "applied"),
    ]
    assert [line["rule"].partition(":")[0] for line in lines] == [
        "rule 1", "rule 1", "rule 7", "rule 4", "rule 7",
    ]  # fmt: skip


def test_duplicates_stand_under_the_first() -> None:
    """With the delivery that told it again, and when."""
    said = paid(at=3)
    again = tuple(Repeated(said.key, delivery_id(n), received(n)) for n in (7, 9))
    lines = explained(pending(at=1), said, declined(at=5, by=UNSIGNED), repeats=again).lines()
    assert [(line["verdict"], line["delivery_id"]) for line in lines[1:4]] == [
        ("applied", said.delivery_id),
        ("duplicate", delivery_id(7)),
        ("duplicate", delivery_id(9)),
    ]
    assert lines[2]["rule"] == "the same observation key was told before"
    assert lines[2]["received_at"] != lines[1]["received_at"]
    assert [line["verdict"] for line in lines] == [
        "applied", "applied", "duplicate", "duplicate", "stale",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_order_of_arrival_changes_nothing(seed: int) -> None:
    """To the letter, for every order of five reports."""
    said = history_of("ref-1", Random(seed), 5)
    kind = said[0].kind
    repeats = (Repeated(said[0].key, delivery_id(77), received(77)),)
    found = {
        json.dumps(explained(*order, repeats=repeats, kind=kind).as_json())
        for order in permutations(said)
    }
    assert len(found) == 1


def test_times_are_those_of_who_decides() -> None:
    """An earlier `paid` that comes later decides, and is no news: the explanation shows it."""
    for order in ((paid(at=3), paid(at=2)), (paid(at=2), paid(at=3))):
        shown = explained(*order).as_json()
        assert shown["object"]["occurred_at"] == "2026-03-02T12:02:00Z"
        assert shown["decided_by"] == paid(at=2).key


def test_explanation_is_plain_json() -> None:
    said = pending(
        at=1, amount=brl("10.00"), fees=Decimal("0.30"), expires_at=minute(90), aliases=("r-1",),
        facts={"installments": "3"},
    )  # fmt: skip
    shown = explained(said, paid(at=2), refund(entry("4.00"), at=3)).as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["aliases"] == ["r-1"]
    assert shown["object"]["refunded_amount"] == "4.00"
    assert shown["observations"][0]["facts"] == {"installments": "3"}


def test_view_has_every_field_of_the_event() -> None:
    row, _ = arrive(PAYMENT, [paid(at=1, amount=brl("10.00"), expires_at=minute(5))])
    view = object_view(row)
    assert set(view) == {*EventData.model_fields, *BESIDE}
    assert json.loads(json.dumps(view)) == view
    assert (view["amount"], view["currency"], view["state"]) == ("10.00", "BRL", "paid")
    assert view["expires_at"] == "2026-03-02T12:05:00Z"


def test_view_of_the_unknown_is_plain_json() -> None:
    view = object_view(blank())
    assert json.loads(json.dumps(view)) == view
    assert view["state"] is None


def test_explanation_leaves_the_path_out() -> None:
    shown = explained(pending(at=1), paid(at=2)).as_json()["object"]
    assert not set(PATH) & set(shown)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (paid(at=1), "paid"),
        (refund(entry("0.97")), "refund succeeded 0.97 (untold)"),
        (full(), "refund succeeded (full)"),
        (refund(entry("1.00", void=True)), "void succeeded 1.00 (untold)"),
        (refund_declined(), "refund declined"),
        (opened(), "dispute open"),
        (cancel_failed(), "processing, cancel failed"),
        (say(None, attempt=True), "attempt declined"),
        (say(None, settlement_step="2"), "settlement step 2"),
        (say(None), "nothing of its own"),
        (replace(paid(at=1), supersedes=("a", "b")), "paid, corrects 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_observation_in_a_few_words(said: Observation, words: str) -> None:
    assert says(said) == words
