"""Money that only an unsigned notice has told: a source may hold it back until somebody better says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from libs.contracts.event import Event, event_of
from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.domain.observation import Observation
from libs.store.objects import StoredObject
from services.reconciler.change import change_of, event_data
from tests.unit.domain.saying import declined, paid, pending
from tests.unit.reconciler.arriving import blank

UNSIGNED = Authority.UNSIGNED
HOLDS = frozenset({"clip-mx"})


def told(
    said: Iterable[Observation], holds: frozenset[str] = HOLDS
) -> tuple[StoredObject, list[Event]]:
    row, events, known = blank(), [], []
    for observation in said:
        known.append(observation)
        change = change_of(row, fold(Kind.PAYMENT, known), holds)
        if change is not None:
            row = change.row
            if change.news:
                events.append(event_of(event_data(row), row.sequence))
    return row, events


def steps(events: Sequence[Event]) -> list[tuple[int, State | None, State]]:
    return [(each.sequence, each.data.previous_state, each.data.state) for each in events]


def test_unsigned_money_is_in_the_row_and_in_no_event() -> None:
    row, events = told([pending(at=1, by=UNSIGNED), paid(at=2, by=UNSIGNED)])
    assert (row.state, row.flags, row.held, row.sequence) == ("paid", ["uncorroborated"], True, 1)
    assert steps(events) == [(1, None, State.PENDING)]


@pytest.mark.parametrize(
    "by", [Authority.SECRET, Authority.SIGNED, Authority.POLL, Authority.OPERATOR]
)
def test_corroborated_it_is_told_once(by: Authority) -> None:
    row, events = told([pending(at=1, by=UNSIGNED), paid(at=2, by=UNSIGNED), paid(at=3, by=by)])
    assert steps(events) == [(1, None, State.PENDING), (2, State.PENDING, State.PAID)]
    assert Flag.UNCORROBORATED not in events[-1].data.flags
    assert not row.held


def test_first_word_may_be_held() -> None:
    row, events = told([paid(at=1, by=UNSIGNED)])
    assert (row.state, row.held, row.sequence, events) == ("paid", True, 0, [])
    row, events = told([paid(at=1, by=UNSIGNED), paid(at=2, by=Authority.POLL)])
    assert steps(events) == [(1, None, State.PAID)]


def test_more_of_the_same_is_held_as_well() -> None:
    said = [pending(at=1), paid(at=2, by=UNSIGNED), paid(at=3, by=UNSIGNED, merchant_ref="m-1")]
    row, events = told(said)
    assert (row.held, row.previous_state, len(events)) == (True, "pending", 1)


def test_contradiction_by_somebody_better_stays_held() -> None:
    """It is a conflict, and no reason to tell of money that nobody better has told."""
    row, events = told([pending(at=1), paid(at=2, by=UNSIGNED), declined(at=3, by=Authority.POLL)])
    assert (row.state, row.flags, row.held) == ("paid", ["conflict", "uncorroborated"], True)
    assert steps(events) == [(1, None, State.PENDING)]


def test_what_is_no_money_is_told() -> None:
    _, events = told([pending(at=1, by=UNSIGNED), declined(at=2, by=UNSIGNED)])
    assert [state for _, _, state in steps(events)] == [State.PENDING, State.DECLINED]


def test_other_sources_publish() -> None:
    said = [pending(at=1, by=UNSIGNED), paid(at=2, by=UNSIGNED)]
    row, events = told(said, frozenset({"another"}))
    assert steps(events)[-1] == (2, State.PENDING, State.PAID)
    assert Flag.UNCORROBORATED in events[-1].data.flags
    assert not row.held
