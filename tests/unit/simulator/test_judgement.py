"""The oracle can fail: each thing that may go wrong has a name, and is found by itself alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.inspection.view import object_view
from services.simulator.books import Entry
from services.simulator.events import EventBook
from services.simulator.plan import Role
from services.simulator.verdict import DUPLICATES, KINDS, LOST
from tests.unit.simulator.judged_world import World, event_of, filed_of

# What only a run with losses can provoke: tests/unit/simulator/test_losses.py.
_OF_LOSSES = {"not_overdue"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _is_news(entry: Entry) -> bool:
    return entry.role is Role.NEWS and not entry.silent


def _is_poke(entry: Entry) -> bool:
    return entry.silent


def _is_parked(entry: Entry) -> bool:
    return entry.role in {Role.UNKNOWN, Role.MALFORMED}


def change(world: World, wanted: Callable[[Entry], bool], **changes: Any) -> None:  # noqa: ANN401
    """Change one thing that is filed."""
    place = world.place(wanted)
    world.filed[place] = replace(world.filed[place], **changes)


def change_row(world: World, **changes: Any) -> None:  # noqa: ANN401 - columns
    """Change an object's row, and its last event with it."""
    key = world.longest()
    known = world.objects[key]
    world.objects[key] = replace(known, row=replace(known.row, **changes))
    world.of(key)[-1]["data"].update(object_view(world.objects[key].row))


def test_faultless_world_is_clean(world: World) -> None:
    verdict = world.verdict()
    assert verdict.as_json()["differences"] == {}
    counts = verdict.counts
    assert counts["accepted"] == counts["archived"] == len(world.filed)
    assert counts["emitted"] == len(world.events)
    assert counts["parked"] == sum(bool(each.parked) for each in world.filed)
    assert counts["unjudged"] == 0


def lose_delivery(world: World) -> None:
    world.filed.pop(world.place(lambda entry: entry.role is Role.UNKNOWN))


def lose_outcome(world: World) -> None:
    change(world, _is_poke, outcome=None)


def lose_effect(world: World) -> None:
    change(world, _is_news, observations=0)


def lose_object(world: World) -> None:
    key = next(key for key, each in world.objects.items() if each.row.sequence == 1)
    world.events = [e for e in world.events if e not in world.of(key)]
    del world.objects[key]


def lose_event(world: World) -> None:
    world.events.remove(world.of(world.longest())[1])


def fold_twice(world: World) -> None:
    change(world, _is_news, observations=2)


def add_observation(world: World) -> None:
    key = world.longest()
    known = world.objects[key]
    world.objects[key] = replace(known, observations=known.observations + 1)


def refund_twice(world: World) -> None:
    change_row(world, refunded_amount=Decimal(10**9))


def take_sequence_twice(world: World) -> None:
    world.events.append(world.of(world.longest())[1] | {"id": "another"})


def take_id_twice(world: World) -> None:
    first, second, *_ = world.of(world.longest())
    second["id"] = first["id"]


def publish_nothing(world: World) -> None:
    first, second, *_ = world.of(world.longest())
    second["data"] = dict(first["data"])


def publish_too_much(world: World) -> None:
    key = world.longest()
    world.objects[key] = replace(world.objects[key], observations=1)


def publish_beyond_the_row(world: World) -> None:
    key = world.longest()
    row = world.objects[key].row
    world.events.append(event_of(row, row.sequence + 1))


def file_a_stranger(world: World) -> None:
    world.filed.append(replace(world.filed[0], digest=b"of another body"))


def file_too_often(world: World) -> None:
    world.filed.append(
        filed_of(world.filed[0].digest, world.books().bodies[world.filed[0].digest], 9)
    )


def file_what_was_refused(world: World) -> None:
    bodies = world.books().bodies
    digest = next(d for d, entry in bodies.items() if not entry.taken)
    world.filed.append(filed_of(digest, bodies[digest], 0))


def answer_wrongly(world: World) -> None:
    place = next(n for n, final in enumerate(world.answers.final) if final == 201)
    world.answers.final[place] = 200


def answer_with_a_bug(world: World) -> None:
    """Answer one with 500 that is posted again and taken: no provider shall see that."""
    world.answers.kinds["500"] += 1


def park_wrongly(world: World) -> None:
    change(world, _is_news, parked=("failed",), observations=0)


def park_a_ping(world: World) -> None:
    change(world, _is_poke, parked=("malformed",))


def unpark(world: World) -> None:
    change(world, _is_parked, parked=())


def crash_on_the_unknown(world: World) -> None:
    change(world, _is_parked, parked=("failed",))


def fold_nothing(world: World) -> None:
    change(world, _is_parked, observations=1)


def change_state(world: World) -> None:
    change_row(world, state="expired")


def change_amount(world: World) -> None:
    change_row(world, amount=Decimal(7))


def alter_event(world: World) -> None:
    first = world.of(world.longest())[0]
    world.events.append(first | {"data": first["data"] | {"state": "expired"}})


def publish_out_of_order(world: World) -> None:
    """Publish the second after all others; the first once more after that is no disorder."""
    first, second, *_ = world.of(world.longest())
    world.events.remove(second)
    world.events += [second, first]


def differ_in_the_end(world: World) -> None:
    world.of(world.longest())[-1]["data"]["state"] = "expired"


SPOILED = [
    (lose_delivery, "lost_deliveries"),
    (lose_outcome, "lost_outcomes"),
    (lose_effect, "lost_effects"),
    (lose_object, "lost_objects"),
    (lose_event, "lost_events"),
    (fold_twice, "folded_twice"),
    (add_observation, "extra_observations"),
    (refund_twice, "refunded_twice"),
    (take_sequence_twice, "taken_twice"),
    (take_id_twice, "taken_twice"),
    (publish_nothing, "empty_events"),
    (publish_too_much, "extra_events"),
    (publish_beyond_the_row, "extra_events"),
    (file_a_stranger, "never_sent"),
    (file_too_often, "filed_too_often"),
    (file_what_was_refused, "refused_but_filed"),
    (answer_wrongly, "wrong_answers"),
    (answer_with_a_bug, "wrong_answers"),
    (park_wrongly, "wrongly_parked"),
    (park_a_ping, "wrongly_parked"),
    (crash_on_the_unknown, "wrong_reasons"),
    (unpark, "not_parked"),
    (fold_nothing, "effect_of_nothing"),
    (change_state, "wrong_states"),
    (change_amount, "wrong_amounts"),
    (alter_event, "altered_events"),
    (publish_out_of_order, "disordered_events"),
    (differ_in_the_end, "last_events_differ"),
]


@pytest.mark.parametrize(("spoil", "kind"), SPOILED, ids=[each[0].__name__ for each in SPOILED])
def test_what_is_wrong_is_named(world: World, spoil: Callable[[World], None], kind: str) -> None:
    spoil(world)
    verdict = world.verdict()
    assert verdict.differences.keys() == {kind}
    assert verdict.differences[kind].examples
    assert (verdict.lost > 0) is (kind in LOST)
    assert (verdict.duplicates_of_effect > 0) is (kind in DUPLICATES)


def test_every_kind_has_been_provoked() -> None:
    assert {kind for _, kind in SPOILED} | _OF_LOSSES == KINDS.keys()


def test_same_event_twice_is_none(world: World) -> None:
    world.events += world.events[:50]
    verdict = world.verdict()
    assert verdict.clean
    assert verdict.counts["emitted_again"] == 50


def test_events_are_kept_beside_the_ledger(world: World) -> None:
    """Whoever verifies again finds in the file what is no longer in the queue."""
    world.verdict()
    books = world.books()
    again = EventBook(world.folder / "events", books.lives)
    again.load()
    assert again.count == len(world.events)


def test_unknown_answer_may_be_in_or_not(world: World) -> None:
    """A request without an answer settles nothing: both are right, and its object is not judged."""
    place = world.place(lambda entry: _is_news(entry) and entry.accepted == 1)
    entry = world.books().bodies[world.filed[place].digest]
    world.answers.accepted[entry.index] = world.answers.final[entry.index] = 0
    assert world.verdict().clean
    assert world.verdict().counts["unjudged"] == 1
    assert world.verdict().counts["unsettled"] == 1
