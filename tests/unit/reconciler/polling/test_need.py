"""What an object needs, by the schedule of its rail: time is a parameter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType

import pytest

from libs.domain.lifecycle import Kind
from libs.providers.asking import Banking, Schedule
from libs.providers.clients import SCHEDULES
from libs.store.polls import Seen
from services.reconciler.polling.need import (
    FIRST_PAUSE,
    LATEST_LOOK,
    SOONEST_LOOK,
    UNKNOWN_FOR,
    Action,
    Need,
    Row,
    need,
)

NEWS = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCHEDULE = Schedule(
    overdue=MappingProxyType({"card": (10 * MINUTE, HOUR), "boleto": (DAY,)}),
    default=(20 * MINUTE,),
    finished=(DAY,),
)
OPEN = Seen(
    state="pending",
    flags=frozenset(),
    method="card",
    expires_at=None,
    merchant_ref=None,
    updated_at=NEWS,
)
PAID = replace(OPEN, state="paid")
NEW = Row(name="x", entered_at=NEWS)
SPREAD = 1.1  # what jitter may add to a span


def look(
    seen: Seen | None = OPEN,
    after: timedelta = timedelta(),
    *,
    row: Row = NEW,
    schedule: Schedule = SCHEDULE,
    askable: bool = True,
    kind: Kind = Kind.PAYMENT,
) -> Need:
    return need(kind, seen, row, schedule, askable=askable, now=NEWS + after)


def noted(found: Need, **asked: object) -> Row:
    """Return the row as it is after a look."""
    row = replace(NEW, base_at=found.looked.base_at, seen_at=found.looked.seen_at)
    return replace(row, **asked)  # type: ignore[arg-type] # by name


def test_open_object_waits_for_its_rail() -> None:
    found = look(after=MINUTE)
    assert found.action is Action.WAIT
    assert found.looked.why == "overdue"
    assert NEWS + 10 * MINUTE <= found.looked.look_at <= NEWS + 10 * MINUTE * SPREAD
    assert found.looked.due_at == found.looked.ask_at == found.looked.look_at


@pytest.mark.parametrize(
    ("method", "first"), [("card", 10 * MINUTE), ("CARD", 10 * MINUTE), ("boleto", DAY), ("pix", 20 * MINUTE), (None, 20 * MINUTE)]
)  # fmt: skip
def test_method_has_its_own_schedule(method: str | None, first: timedelta) -> None:
    seen = replace(OPEN, method=method)
    assert look(seen, first - MINUTE).action is Action.WAIT
    assert look(seen, first * SPREAD).action is Action.ASK


def test_overdue_object_is_asked_by_schedule_and_then_a_persons() -> None:
    """Each span once; what is over stays listed, without a next time."""
    row = noted(look(after=11 * MINUTE), asked_at=NEWS + 11 * MINUTE)
    second = look(after=12 * MINUTE, row=row)
    assert second.action is Action.WAIT
    assert second.looked.due_at is not None
    assert second.looked.due_at < NEWS + 12 * MINUTE
    assert second.looked.ask_at is not None
    assert NEWS + HOUR <= second.looked.ask_at <= NEWS + HOUR * SPREAD
    assert look(after=HOUR * SPREAD, row=row).action is Action.ASK
    over = look(after=2 * HOUR, row=replace(row, asked_at=NEWS + HOUR * SPREAD))
    assert (over.action, over.looked.ask_at) == (Action.PERSON, None)
    assert over.looked.due_at == second.looked.due_at


def test_slept_through_spans_are_asked_once() -> None:
    assert look(after=3 * DAY).action is Action.ASK
    row = replace(NEW, asked_at=NEWS + 3 * DAY)
    assert look(after=3 * DAY + MINUTE, row=row).action is Action.PERSON


def test_news_begins_the_schedule_anew() -> None:
    row = noted(look(after=11 * MINUTE), asked_at=NEWS + 11 * MINUTE)
    later = replace(OPEN, updated_at=NEWS + 30 * MINUTE)
    found = look(later, 31 * MINUTE, row=row)
    assert found.action is Action.WAIT
    assert found.looked.base_at == NEWS + 30 * MINUTE
    assert found.looked.due_at is not None
    assert found.looked.due_at >= NEWS + 40 * MINUTE


def test_own_answer_is_no_news() -> None:
    """An answer that adds an observation moves `updated_at`, and no schedule."""
    asked_at = NEWS + 11 * MINUTE
    row = noted(look(after=11 * MINUTE), asked_at=asked_at)
    told = replace(OPEN, updated_at=asked_at + timedelta(seconds=1))
    first = look(told, 12 * MINUTE, row=row)
    assert first.looked.base_at == NEWS
    again = look(told, 40 * MINUTE, row=noted(first, asked_at=asked_at))
    assert again.looked.base_at == NEWS


@pytest.mark.parametrize("flag", ["verify", "uncorroborated"])
def test_doubtful_object_is_asked_at_once(flag: str) -> None:
    seen = replace(PAID, flags=frozenset({flag}))
    found = look(seen)
    assert (found.action, found.looked.why) == (Action.ASK, flag)
    asked = noted(found, asked_at=NEWS)
    assert look(seen, MINUTE, row=asked).action is Action.WAIT
    assert look(seen, 11 * MINUTE, row=asked).action is Action.ASK
    assert look(PAID, MINUTE, row=asked).looked.why == "check"


def test_finished_object_is_looked_at_once_more() -> None:
    found = look(PAID, HOUR)
    assert (found.action, found.looked.why) == (Action.WAIT, "check")
    assert look(PAID, DAY * SPREAD).action is Action.ASK
    asked = noted(found, asked_at=NEWS + DAY * SPREAD)
    assert look(PAID, DAY * SPREAD + MINUTE, row=asked).action is Action.SETTLED
    told = replace(PAID, updated_at=NEWS + DAY * SPREAD + timedelta(seconds=2))
    assert look(told, DAY * SPREAD + MINUTE, row=asked).action is Action.SETTLED
    assert look(PAID, schedule=replace(SCHEDULE, finished=())).action is Action.SETTLED


def test_who_cannot_be_asked_is_a_persons_task() -> None:
    assert look(after=MINUTE, askable=False).action is Action.WAIT
    found = look(after=12 * MINUTE, askable=False)
    assert (found.action, found.looked.ask_at) == (Action.PERSON, None)
    checked = look(PAID, 2 * DAY, askable=False)
    assert (checked.action, checked.looked.why) == (Action.PERSON, "check")


def test_poke_asks_at_once() -> None:
    """Also about an object that nobody knows, and about one that is finished."""
    poked = replace(NEW, poked_at=NEWS)
    for seen in (None, OPEN, PAID):
        found = look(seen, row=poked)
        assert (found.action, found.looked.why) == (Action.ASK, "poked")
    assert look(OPEN, MINUTE, row=replace(poked, asked_at=NEWS)).action is Action.WAIT


def test_poke_while_asking_asks_once_more() -> None:
    row = replace(NEW, asked_at=NEWS + MINUTE, poked_at=NEWS + 2 * MINUTE)
    assert look(OPEN, 3 * MINUTE, row=row).action is Action.ASK


def test_poke_of_one_who_cannot_be_asked_is_a_persons() -> None:
    assert look(None, row=replace(NEW, poked_at=NEWS), askable=False).action is Action.PERSON


def test_poke_that_nobody_knows_is_dropped_after_a_day() -> None:
    row = replace(NEW, poked_at=NEWS, failures=9, tried_at=NEWS + HOUR)
    assert look(None, 3 * HOUR, row=row).action is Action.ASK
    assert look(None, UNKNOWN_FOR + HOUR, row=row).action is Action.SETTLED


def test_failure_backs_off_and_uses_nothing_up() -> None:
    tried = NEWS + 11 * MINUTE
    once = replace(NEW, base_at=NEWS, seen_at=NEWS, failures=1, tried_at=tried)
    soon = look(after=11 * MINUTE, row=once)
    assert soon.action is Action.WAIT
    assert soon.looked.ask_at is not None
    assert tried + FIRST_PAUSE / 2 <= soon.looked.ask_at <= tried + FIRST_PAUSE
    assert look(after=11 * MINUTE + FIRST_PAUSE, row=once).action is Action.ASK
    often = replace(once, failures=60)
    assert look(after=12 * MINUTE, row=often).action is Action.WAIT
    assert look(after=80 * MINUTE, row=often).action is Action.ASK


def test_expiry_ahead_brings_one_more_look() -> None:
    """Open for as long as it may be: it is asked by schedule, and a person comes after the expiry."""
    seen = replace(OPEN, expires_at=NEWS + 3 * DAY)
    row = replace(NEW, base_at=NEWS, seen_at=NEWS, asked_at=NEWS + 2 * HOUR)
    waits = look(seen, 3 * HOUR, row=row)
    assert waits.action is Action.WAIT
    assert waits.looked.ask_at == NEWS + 3 * DAY + 10 * MINUTE
    assert look(seen, 3 * DAY + HOUR, row=row).action is Action.ASK


def test_what_an_answer_comes_to_is_seen_soon() -> None:
    asked_at = NEWS + 11 * MINUTE
    row = noted(look(after=11 * MINUTE), asked_at=asked_at)
    for seconds in (2, 10, 300):
        since = timedelta(seconds=seconds)
        found = look(after=11 * MINUTE + since, row=row)
        assert found.looked.look_at == asked_at + since + max(since, SOONEST_LOOK)


def test_a_persons_task_is_glanced_at_hourly_in_the_end() -> None:
    found = look(after=30 * DAY, askable=False)
    assert found.looked.look_at == NEWS + 30 * DAY + LATEST_LOOK


def test_jitter_is_the_same_each_time_and_differs_between_objects() -> None:
    times = {look(row=replace(NEW, name=f"ref-{n}")).looked.ask_at for n in range(20)}
    assert len(times) > 10
    assert look(row=NEW) == look(row=NEW)


BOGOTA = Banking(zone="America/Bogota", cut_off=time(16, 20))


@pytest.mark.parametrize(
    ("sent", "overdue"),
    [
        # Monday noon in Bogotá: sent that day, answered on Tuesday, overdue on Wednesday
        ("2026-03-02T12:00-05:00", "2026-03-04T00:00-05:00"),
        ("2026-03-02T16:20-05:00", "2026-03-04T00:00-05:00"),
        ("2026-03-02T16:21-05:00", "2026-03-05T00:00-05:00"),  # after the cut-off: a day later
        ("2026-03-06T10:00-05:00", "2026-03-10T00:00-05:00"),  # Friday: answered on Monday
        ("2026-03-06T17:00-05:00", "2026-03-11T00:00-05:00"),  # Friday evening is Monday
        ("2026-03-07T10:00-05:00", "2026-03-11T00:00-05:00"),  # Saturday is Monday
    ],
)
def test_payout_is_overdue_after_the_next_banking_day(sent: str, overdue: str) -> None:
    schedule = Schedule(overdue=MappingProxyType({}), default=(DAY, 3 * DAY), banking=BOGOTA)
    seen = replace(OPEN, state="sent", method=None, updated_at=datetime.fromisoformat(sent))
    found = need(
        Kind.PAYOUT,
        seen,
        replace(NEW, entered_at=seen.updated_at),
        schedule,
        askable=False,
        now=seen.updated_at,
    )
    assert found.action is Action.WAIT
    assert found.looked.due_at == datetime.fromisoformat(overdue)


def test_every_provider_has_a_growing_schedule() -> None:
    for schedule in SCHEDULES.values():
        for spans in (*schedule.overdue.values(), schedule.default, schedule.finished):
            assert list(spans) == sorted(set(spans))
        assert schedule.default
        assert schedule.shortest > timedelta()
