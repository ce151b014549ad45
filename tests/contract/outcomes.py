"""Outcomes of every kind of reading."""

from __future__ import annotations

from hypothesis import strategies as st

from libs.contracts.delivery import Origin
from libs.contracts.readings import Ignored, ParkReason, Poke, Unknown
from libs.contracts.translated import Translated
from libs.domain.lifecycle import Authority, Kind
from tests.contract.observations import OBSERVATIONS, TEXTS, TIMES, maybe

READINGS = st.one_of(
    OBSERVATIONS,
    st.builds(Poke, kind=st.sampled_from(Kind), provider_ref=TEXTS, why=TEXTS),
    st.builds(Ignored, provider_status=TEXTS, why=TEXTS),
    st.builds(
        Unknown,
        reason=st.sampled_from(ParkReason),
        detail=TEXTS,
        field=maybe(TEXTS),
        value=maybe(TEXTS),
        attempts=st.integers(0, 2**63),
    ),
)
OUTCOMES = st.builds(
    Translated,
    delivery_id=TEXTS,
    source=TEXTS,
    provider=TEXTS,
    origin=st.sampled_from(Origin),
    authority=st.sampled_from(Authority),
    received_at=TIMES,
    identity=TEXTS,
    readings=st.lists(READINGS, max_size=3).map(tuple),
    traceparent=maybe(TEXTS),
    body=maybe(st.binary(max_size=60)),
    content_type=TEXTS,
    headers=st.dictionaries(TEXTS, TEXTS, max_size=2),
    route_event=maybe(TEXTS),
    replay_of=maybe(TEXTS),
)
