"""Events are written by hand: the same bytes as the published model gives, for every row."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.event import event_id, event_of, routing_key
from libs.domain.lifecycle import Authority, Flag, Kind, states_of
from libs.store.objects import StoredObject
from services.reconciler.change import event_data, outbox_row
from services.reconciler.event_json import event_json
from tests.contract.observations import NUMBERS, TEXTS, ZONES, maybe
from tests.unit.reconciler.arriving import blank

TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001 - as it asks
STATES = st.sampled_from(Kind).flatmap(
    lambda kind: st.tuples(
        st.just(kind.value),
        st.sampled_from(states_of(kind)).map(str),
        maybe(st.sampled_from(states_of(kind)).map(str)),
    )
)


@st.composite
def rows(draw: st.DrawFn) -> StoredObject:
    """Draw a row that has an event, also with what no provider tells."""
    kind, state, previous = draw(STATES)
    return StoredObject(
        id=1,
        source=draw(TEXTS),
        kind=kind,
        provider_ref=draw(TEXTS),
        provider=draw(TEXTS),
        merchant_ref=draw(maybe(TEXTS)),
        state=state,
        previous_state=previous,
        provider_status=draw(maybe(TEXTS)),
        amount=draw(maybe(NUMBERS)),
        currency=draw(maybe(TEXTS)),
        refunded_amount=draw(maybe(NUMBERS)),
        fees=draw(maybe(NUMBERS)),
        net=draw(maybe(NUMBERS)),
        flags=sorted(draw(st.frozensets(st.sampled_from([flag.value for flag in Flag])))),
        livemode=draw(st.booleans()),
        occurred_at=draw(TIMES),
        received_at=draw(TIMES),
        authority=draw(st.sampled_from([authority.value for authority in Authority])),
        delivery_id=draw(maybe(TEXTS)),
        method=draw(maybe(TEXTS)),
        failure_reason=draw(maybe(TEXTS)),
        expires_at=draw(maybe(TIMES)),
        sequence=draw(st.integers(1, 2**31 - 1)),
        attempts=0,
        settlement_step=None,
        decided_by=None,
    )


@given(rows())
def test_same_bytes_as_the_model_gives(row: StoredObject) -> None:
    event = event_of(event_data(row), row.sequence)
    assert event_json(row) == orjson.dumps(event.model_dump(mode="json"))
    written = outbox_row(row)
    assert written.routing_key == routing_key(event.data)
    assert (written.object_id, written.sequence) == (row.id, row.sequence)


@given(TEXTS, st.integers(1, 2**31))
def test_same_id_as_the_standard_gives(key: str, sequence: int) -> None:
    space = UUID("7b9a3c1e-5d42-5f0e-9c1b-ca0da1000001")
    assert event_id(key, sequence) == str(uuid5(space, f"{key}#{sequence}"))


def test_nothing_is_written_without_a_state() -> None:
    with pytest.raises(ValueError, match="nothing has been said"):
        event_json(blank())
