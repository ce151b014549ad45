"""Whatever arrives gives at least one reading and raises nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.readings import Ignored, Poke, Unknown
from libs.domain.lifecycle import Authority, State
from libs.domain.observation import Observation
from libs.providers.mobbex import PROVIDER
from libs.providers.mobbex.mapping import CODES, TYPES
from libs.providers.port import Terms
from tests.providers.mobbex.notices import as_form, as_json, delivered, notice

_FEW = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

_HEADERS = st.sampled_from(
    ["", "application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded"]
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**45), 10**45)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["200", "602", "ARS", "TEST", "9999-12-31T23:59:59-14:00", "1e5", " ", "0"])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_PATHS = st.sampled_from(
    [
        ("type",),
        ("data",),
        *[
            ("data", key)
            for key in ("payment", "status", "checkout", "execution", "view", "result")
        ],
        *[
            ("data", "payment", key)
            for key in (
                *("id", "status", "total", "currency", "currency_data", "updated", "created"),
                *("reference", "source", "operation", "requestedTotal"),
            )
        ],
        *[("data", "payment", "status", key) for key in ("code", "text", "message")],
        ("data", "payment", "currency", "code"),
        ("data", "checkout", "uid"),
        ("data", "checkout", "currency"),
    ]
)
_Writer = Callable[[object], bytes]
_WRITERS = st.sampled_from([as_form, as_json])
_TYPES = st.sampled_from([*TYPES, "unheard:of"])
_CODES = st.sampled_from([*CODES, "604", "999"])


def _check(raw: bytes, header: str) -> None:
    readings = PROVIDER.translate(delivered(raw, header), Terms())

    assert readings
    for reading in readings:
        assert isinstance(reading, Observation | Poke | Ignored | Unknown)
        if isinstance(reading, Observation):
            assert reading.provider_ref
            assert reading.state is not State.EXPIRED or reading.authority is Authority.TIMER
            assert reading.amount is None or reading.amount.amount >= 0
            assert all(type(value) is str for value in reading.facts.values())


def _mutated(body: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    node = body
    for key in path[:-1]:
        child = node.get(key)
        if not isinstance(child, dict):
            return body
        node = child
    node[path[-1]] = value
    return body


@_FEW
@given(st.binary(max_size=200), _HEADERS)
def test_any_bytes_give_a_reading(raw: bytes, header: str) -> None:
    _check(raw, header)


@_FEW
@given(_VALUES, _HEADERS)
def test_any_json_gives_a_reading(value: object, header: str) -> None:
    _check(as_json(value), header)


@_FEW
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["type", "data", "data[payment]", "data[payment][id]", "a[]", "a[0]"])
            | st.text("ab01[]%&=.", max_size=12),
            st.text(max_size=8),
        ),
        max_size=6,
    ),
    _HEADERS,
)
def test_any_form_gives_a_reading(pairs: list[tuple[str, str]], header: str) -> None:
    raw = "&".join(f"{key}={value}" for key, value in pairs)
    _check(raw.encode("utf-8", "surrogatepass"), header)


@_FEW
@given(_TYPES, _CODES, st.lists(st.tuples(_PATHS, _VALUES), max_size=3), _WRITERS)
def test_mutated_notices_give_a_reading(
    type_: str, code: str, changes: list[tuple[tuple[str, ...], object]], write: _Writer
) -> None:
    body = notice(type_, code)
    for path, value in changes:
        body = _mutated(body, path, value)
    _check(write(body), "")


@_FEW
@given(st.integers(0, 400), st.binary(max_size=3), _WRITERS)
def test_damaged_notices_give_a_reading(place: int, splinter: bytes, write: _Writer) -> None:
    raw = write(notice())
    _check(raw[:place] + splinter + raw[place + 1 :], "")


@pytest.mark.parametrize("type_", [*TYPES, "unheard:of"])
def test_no_type_turns_a_refusal_paid(type_: str) -> None:
    for code in ("0", "400", "401", "601", "602", "603", "604", "605"):
        for reading in PROVIDER.translate(delivered(as_json(notice(type_, code))), Terms()):
            assert not isinstance(reading, Observation) or reading.state is not State.PAID
