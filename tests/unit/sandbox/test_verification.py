"""Payouts of the API in the verdict: what nobody was told of must be on the list of the overdue."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from libs.store.audit import AuditedObject, Filed
from libs.store.objects import ObjectKey
from services.sandbox.payu.journal import Posted, Told
from services.sandbox.verification import enter_payouts
from services.simulator.lives import Ends
from services.simulator.plan import Options
from services.simulator.providers.payu import AT_BANK, CONFIRMED, PASSED, SCREENING
from services.simulator.roles import Role
from tests.unit.simulator.judged_world import World

NUMBER = 500_000_001
KEY = ObjectKey("payu", "payout", "ref-1")
STEPS = [SCREENING, PASSED, AT_BANK, CONFIRMED]


def digest(place: int) -> str:
    return hashlib.sha256(f"body {place}".encode()).hexdigest()


class Played(World):
    """A small run beside which one payout was requested; its last step was told to nobody."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Options(seed=5, count=20))
        self.told = Told(NUMBER, KEY.provider_ref, Decimal("90000.00"), "payu", list(STEPS))
        for place in range(3):
            self.told.bodies[digest(place)] = Posted(place, "payu", 1, 1, 200)
            self.filed.append(filed(place))
        self.overdue.add(KEY)
        self.stands("sent", 3)
        self.enter = partial(enter_payouts, {NUMBER: self.told})

    def stands(self, state: str, told: int, *, reported: int = 0) -> None:
        """Let the payout stand like that, with an event for each thing said."""
        self.events = [event for event in self.events if event not in self.of(KEY)]
        self.put(
            7,
            KEY,
            Ends("payout", KEY.provider_ref, state, Decimal(90000), "COP", Decimal(0)),
            told + reported,
        )
        known = self.objects[KEY]
        self.objects[KEY] = replace(known, reported=reported)

    def kinds(self) -> set[str]:
        return set(self.verdict().differences)


def filed(place: int, copy: int = 0) -> Filed:
    return Filed(
        id=f"payout-{place}-{copy}", source="payu", origin="webhook",
        digest=bytes.fromhex(digest(place)), outcome="observed", parked=(),
        observations=int(copy == 0),
    )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Played:
    return Played(tmp_path)


def test_untold_success_is_overdue(world: Played) -> None:
    verdict = world.verdict()
    assert verdict.as_json()["differences"] == {}
    assert verdict.counts["overdue"] == 1


def test_untold_success_that_nobody_looks_at_differs(world: Played) -> None:
    world.overdue.clear()
    assert world.kinds() == {"not_overdue"}


def test_report_makes_it_right(world: Played) -> None:
    world.overdue.clear()
    world.stands("paid", 3, reported=1)
    assert world.kinds() == set()


def test_lost_notification_is_named(world: Played) -> None:
    world.filed = [each for each in world.filed if each.id != "payout-1-0"]
    assert "lost_deliveries" in world.kinds()


def test_notification_filed_too_often_is_named(world: Played) -> None:
    world.filed += [filed(0, 1)]
    assert world.kinds() == {"filed_too_often"}


def test_told_whole_it_must_stand_right(world: Played) -> None:
    """With nothing unsent the list of the overdue is no excuse."""
    world.told.bodies[digest(3)] = Posted(3, "payu", 1, 1, 200)
    world.filed.append(filed(3))
    world.stands("sent", 4)
    assert world.kinds() == {"wrong_states"}
    world.stands("paid", 4)
    assert world.kinds() == set()


def test_requested_and_recorded_by_nobody(world: Played) -> None:
    """Requested past Caudal, and nobody was told: it cannot know of it."""
    world.told.bodies.clear()
    world.filed = [each for each in world.filed if not each.id.startswith("payout")]
    world.events = [event for event in world.events if event not in world.of(KEY)]
    del world.objects[KEY]
    verdict = world.verdict()
    assert (verdict.clean, verdict.counts["unheard"]) == (True, 1)


def test_body_for_another_receiver_is_not_ours(world: Played) -> None:
    world.told.bodies[digest(3)] = Posted(3, "", 1, 1, 200)
    assert world.kinds() == set()


def test_refused_notification_is_a_wrong_answer(world: Played) -> None:
    world.told.bodies[digest(3)] = Posted(3, "payu", 1, 0, 401)
    assert "wrong_answers" in world.kinds()


@pytest.mark.parametrize("role", [Role.TRUNCATED, Role.UNKNOWN, Role.MALFORMED])
def test_what_nobody_understands_is_parked(world: Played, role: Role) -> None:
    """It tells of no step, and leaves the payout as it is."""
    world.told.bodies[digest(9)] = Posted(None, "payu", 1, 1, 200, role)
    parked = replace(filed(9), outcome="parked", parked=("unknown_value",), observations=0)
    world.filed.append(parked)
    assert world.kinds() == set()
    world.filed[-1] = filed(9)
    assert world.kinds() == {"effect_of_nothing", "not_parked"}
    world.filed.pop()
    assert world.kinds() == {"lost_deliveries"}


def test_open_payout_that_was_overtaken(world: Played) -> None:
    """It shows what came last, as nobody tells a time."""
    world.told.steps[:] = STEPS[:2]
    world.told.bodies = {digest(place): Posted(place, "payu", 1, 1, 200) for place in (1, 0)}
    world.filed = [each for each in world.filed if each.id != "payout-2-0"]
    world.overdue.clear()
    world.stands("in_review", 2)
    assert world.kinds() == set()
    world.stands("created", 2)
    assert world.kinds() == {"wrong_states"}


def test_unanswered_notification_is_not_judged(world: Played) -> None:
    """It may have arrived or not, so nobody knows how the payout must stand."""
    world.told.bodies[digest(3)] = Posted(3, "payu", 2, 0, 0)
    world.overdue.clear()
    verdict = world.verdict()
    assert verdict.clean
    assert verdict.counts["unjudged"] == 1


def test_more_is_reported_than_there_is(world: Played) -> None:
    known = world.objects[KEY]
    world.objects[KEY] = AuditedObject(known.row, 3 + 6, 0, 0, 6)
    assert world.kinds() == {"extra_observations"}
