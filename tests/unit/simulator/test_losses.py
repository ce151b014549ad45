"""Runs in which webhooks were lost: what asking, a report or a person must have made good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from libs.store.audit import Filed
from libs.store.objects import ObjectKey
from services.inspection.view import object_view
from services.simulator.books import NOTHING_UNSENT
from services.simulator.plan import Options
from services.simulator.providers.clip import CREATED, DISPUTED, REFUNDED
from services.simulator.providers.mobbex import PAID, REVERSAL
from services.simulator.webhook import Lived
from tests.unit.simulator.judged_world import World

LOSSY = Options(seed=9, count=1200, duplicates=0.1, losses=0.3)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, LOSSY)


def find(world: World, wanted: Callable[[Lived, set[str], ObjectKey], bool]) -> ObjectKey:
    """Find an object that is there, by its life and by the steps of it that were lost."""
    books = world.books()
    for key, lived in books.lives.items():
        unsent = books.unsent.get(lived.number, NOTHING_UNSENT)
        lost = {lived.path.steps[place] for place in unsent.steps}
        if key in world.objects and wanted(lived, lost, key):
            return key
    raise AssertionError("there is no such object in this run")


def is_asked(lived: Lived, lost: set[str], _: ObjectKey) -> bool:
    return lived.known is not None and bool(lost)


def cannot_be_asked(lived: Lived, lost: set[str], _: ObjectKey) -> bool:
    return lived.known is None and bool(lost)


def change(world: World, key: ObjectKey, **columns: Any) -> None:  # noqa: ANN401 - columns
    """Change a row, and its last event with it."""
    known = world.objects[key]
    world.objects[key] = replace(known, row=replace(known.row, **columns))
    world.of(key)[-1]["data"].update(object_view(world.objects[key].row))


def kinds(world: World) -> set[str]:
    return set(world.verdict().differences)


def test_losses_made_good_are_clean(world: World) -> None:
    verdict = world.verdict()
    assert verdict.as_json()["differences"] == {}
    assert verdict.counts["never_posted"] == world.answers.lost > 100
    assert verdict.counts["overdue"] == len(world.overdue) > 20
    assert verdict.counts["polled"] > 50
    absent = [key for key in world.books().lives if key not in world.objects]
    assert verdict.counts["unheard"] == len(absent) > 10


def test_nobody_is_told_of_what_cannot_be_asked(world: World) -> None:
    key = find(world, cannot_be_asked)
    world.overdue.remove(key)
    verdict = world.verdict()
    assert verdict.differences.keys() == {"not_overdue"}
    assert key.provider_ref in verdict.differences["not_overdue"].examples[0]


def test_who_stands_right_need_not_be_overdue(world: World) -> None:
    key = find(world, cannot_be_asked)
    ends = world.books().lives[key].ends
    change(
        world, key, state=ends.state, amount=ends.amount, currency=ends.currency,
        refunded_amount=ends.refunded,
    )  # fmt: skip
    world.overdue.remove(key)
    assert kinds(world) == set()


def test_overdue_excuses_no_refund_too_many(world: World) -> None:
    key = find(world, cannot_be_asked)
    change(world, key, refunded_amount=Decimal(10**9))
    assert "refunded_twice" in kinds(world)


def test_who_can_be_asked_is_not_excused(world: World) -> None:
    """To be on the list of the overdue is no excuse for an object whose provider can be asked."""
    key = find(world, is_asked)
    change(world, key, state="in_review")
    world.overdue.add(key)
    assert kinds(world) == {"wrong_states"}


def test_poll_must_tell_the_amount(world: World) -> None:
    key = find(world, lambda _, lost, key: key.source == "clip" and CREATED in lost)
    change(world, key, amount=None, currency=None)
    assert kinds(world) == {"wrong_amounts"}


def test_amount_may_be_untold_before_any_poll(world: World) -> None:
    def wanted(lived: Lived, lost: set[str], key: ObjectKey) -> bool:
        return key.source == "clip" and not lost and lived.ends.amount is None

    key = find(world, wanted)
    known = world.books().lives[key].known
    assert known is not None
    assert world.verdict().clean
    change(world, key, amount=known.amount, currency="MXN")
    assert kinds(world) == {"wrong_amounts"}  # nobody told it


def test_refund_must_be_asked_for(world: World) -> None:
    """Asked after REFUND APPROVED, how much went back must be known, whatever was lost."""
    key = find(world, lambda _, lost, __: REFUNDED in lost)
    change(world, key, state="paid", refunded_amount=Decimal(0))
    assert kinds(world) == {"wrong_states", "wrong_amounts"}


def test_dispute_that_no_query_shows(world: World) -> None:
    """A customer's dispute is told by its webhook alone: without it the payment is paid."""
    key = find(world, lambda lived, lost, _: DISPUTED in lost and lived.ends.state == "disputed")
    assert world.objects[key].row.state == "paid"
    change(world, key, state="disputed")
    assert kinds(world) == {"wrong_states"}


def test_absent_object_was_told_of(world: World) -> None:
    key = find(world, lambda lived, lost, _: not lost and lived.told == 1)
    world.events = [event for event in world.events if event not in world.of(key)]
    del world.objects[key]
    assert kinds(world) == {"lost_objects"}


def test_webhook_stands_in_for_no_lost_one(world: World) -> None:
    """Of what was lost nothing may stand: one observation more than was sent is one too many."""
    key = find(world, cannot_be_asked)
    known = world.objects[key]
    world.objects[key] = replace(known, observations=known.observations + 1)
    assert kinds(world) == {"extra_observations"}


@pytest.mark.parametrize("column", ["polled", "reported"])
def test_answers_add_no_more_than_they_say(world: World, column: str) -> None:
    """The same answer again says nothing new, however often was asked."""
    key = find(world, is_asked)
    known = world.objects[key]
    many: Any = {column: 40, "observations": known.from_webhooks + 40}
    world.objects[key] = replace(known, **many)
    assert "extra_observations" in kinds(world)


def test_nobody_reports_what_can_only_be_told(world: World) -> None:
    """Conectados and PayU cannot be polled: what claims to come from a poll there is one too many."""
    key = find(world, cannot_be_asked)
    known = world.objects[key]
    world.objects[key] = replace(known, observations=known.observations + 1, polled=1)
    assert kinds(world) == {"extra_observations"}


def test_report_knows_less_than_webhooks(world: World) -> None:
    """A report calls "in progress" what PayU's webhooks tell apart."""

    def wanted(lived: Lived, lost: set[str], _: ObjectKey) -> bool:
        return lived.ends.kind == "payout" and not lost and lived.ends.state == "in_review"

    key = find(world, wanted)
    change(world, key, state="processing")
    assert kinds(world) == {"wrong_states"}
    known = world.objects[key]
    world.objects[key] = replace(known, observations=known.observations + 1, reported=1)
    assert kinds(world) == set()


@pytest.mark.parametrize(
    ("told", "kind"),
    [({"outcome": None}, "lost_outcomes"), ({"parked": ("unknown_value",)}, "wrongly_parked")],
)
def test_answer_must_be_understood(world: World, told: dict[str, Any], kind: str) -> None:
    """What a provider answered is never parked, and something becomes of it."""
    fields: dict[str, Any] = {
        "id": "poll", "source": "clip", "origin": "poll", "digest": b"", "outcome": "observed",
        "parked": (), "observations": 1,
    }  # fmt: skip
    world.filed.append(Filed(**fields))
    verdict = world.verdict()
    assert (verdict.clean, verdict.counts["polls"]) == (True, 1)
    world.filed.append(Filed(**(fields | told)))
    assert kinds(world) == {kind}


def test_reversal_leaves_open_whose_its_sum_is(world: World) -> None:
    """Who was told of a reversal alone need not know the payment's sum; who was told of it must."""

    def reversal_alone(lived: Lived, lost: set[str], key: ObjectKey) -> bool:
        return key.source == "mobbex" and lived.path.steps[-1] == REVERSAL and PAID in lost

    def payment_too(lived: Lived, lost: set[str], key: ObjectKey) -> bool:
        return (
            key.source == "mobbex"
            and lived.path.steps[0] == PAID
            and bool(lost - {PAID})
            and PAID not in lost
        )

    key = find(world, reversal_alone)
    change(world, key, amount=None)
    assert kinds(world) == set()
    key = find(world, payment_too)
    change(world, key, amount=None)
    assert kinds(world) == {"wrong_amounts"}
