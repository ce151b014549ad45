"""What is written by hand is what pydantic writes, to the byte, and reads back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.observation_json import OBSERVATION, observation_json, observation_of
from libs.domain.observation import Observation
from tests.contract.observations import OBSERVATIONS
from tests.unit.domain.saying import brl, entry, paid, refund

_SLOW = settings(suppress_health_check=[HealthCheck.too_slow])
_ANY_TEXT = st.text(max_size=12)  # lone surrogates too
_ANY_NUMBER = st.decimals() | st.sampled_from([Decimal("1E+3"), Decimal("-0.00"), Decimal("1E-9")])
_OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)


def by_pydantic(observation: Observation) -> bytes:
    return OBSERVATION.dump_json(observation, exclude_defaults=True)


@_SLOW
@given(OBSERVATIONS)
def test_bytes_are_those_of_pydantic(said: Observation) -> None:
    assert observation_json(said) == by_pydantic(said)
    assert observation_of(observation_json(said)) == said


@given(_ANY_NUMBER, _ANY_NUMBER)
def test_every_digit_is_written(amount: Decimal, fees: Decimal) -> None:
    said = replace(refund(replace(entry(), amount=amount), at=3), fees=fees)
    assert observation_json(said) == by_pydantic(said)


@given(
    st.datetimes(timezones=st.none() | _OFFSETS),
    st.datetimes(datetime(2, 1, 2), datetime(9998, 1, 1), timezones=_OFFSETS),  # noqa: DTZ001
)
def test_every_time_is_written(received_at: datetime, expires_at: datetime) -> None:
    said = replace(paid(at=1), received_at=received_at, expires_at=expires_at)
    assert observation_json(said) == by_pydantic(said)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(0), "x"), ZoneInfo("America/Sao_Paulo")])
def test_every_zone_is_written(zone: tzinfo) -> None:
    said = replace(paid(at=1), occurred_at=datetime(1911, 1, 1, 1, 2, 3, 45, zone))
    assert observation_json(said) == by_pydantic(said)


@given(_ANY_TEXT, _ANY_TEXT)
def test_texts_are_written_or_refused_alike(key: str, fact: str) -> None:
    said = replace(paid(at=1, amount=brl("1.00")), key=key, facts={fact: key}, aliases=(fact,))
    try:
        expected = by_pydantic(said)
    except ValueError as error:
        with pytest.raises(type(error)):
            observation_json(said)
    else:
        assert observation_json(said) == expected


def test_what_is_read_is_written_again() -> None:
    """The zone that pydantic gives a time is not Python's own."""
    said = replace(paid(at=1), occurred_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC))
    content = observation_json(said)
    assert observation_json(observation_of(content)) == content
    assert b'"2026-01-02T03:04:05.678901Z"' in content
