"""Observations of every kind, also such as no adapter makes."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.domain.money import Money
from libs.domain.observation import (
    CancelStatus,
    DisputeStatus,
    Extent,
    FacetStatus,
    Observation,
    Refund,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ZONES = st.sampled_from((UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=5.5))))
TIMES = st.datetimes(timezones=ZONES)
NUMBERS = st.decimals(0, 10**15, allow_nan=False, allow_infinity=False)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


REFUNDS = st.builds(
    Refund,
    status=st.sampled_from(FacetStatus),
    ledger_key=TEXTS,
    amount=maybe(NUMBERS),
    extent=st.sampled_from(Extent),
    void=st.booleans(),
    answers_dispute=st.booleans(),
)
OBSERVATIONS = st.builds(
    Observation,
    kind=st.sampled_from(Kind),
    provider_ref=maybe(TEXTS),
    key=TEXTS,
    provider_status=TEXTS,
    state=maybe(st.sampled_from(State)),
    refunds=st.lists(REFUNDS, max_size=2).map(tuple),
    dispute=maybe(st.sampled_from(DisputeStatus)),
    cancel=maybe(st.sampled_from(CancelStatus)),
    attempt=st.booleans(),
    settlement_step=maybe(TEXTS),
    flags=st.frozensets(st.sampled_from(Flag)),
    supersedes=st.lists(TEXTS, max_size=2).map(tuple),
    amount=maybe(st.builds(Money, amount=NUMBERS, currency=TEXTS)),
    currency=maybe(TEXTS),
    fees=maybe(NUMBERS),
    net=maybe(NUMBERS),
    merchant_ref=maybe(TEXTS),
    method=maybe(TEXTS),
    failure_reason=maybe(TEXTS),
    expires_at=maybe(TIMES),
    aliases=st.lists(TEXTS, max_size=2).map(tuple),
    facts=st.dictionaries(TEXTS, TEXTS, max_size=2),
    authority=st.sampled_from(Authority),
    occurred_at=maybe(TIMES),
    received_at=TIMES,
    delivery_id=TEXTS,
)
