"""No person, no card and no bar code leaves the raw body."""

from __future__ import annotations

import dataclasses

import pytest

from libs.contracts.readings import Unknown
from tests.providers.mobbex.notices import notice, observed, parked, translated

_PRIVATE = (
    "Bruce Wayne",
    "bruce@wayne.com",
    "12123123",
    "450799",
    "+15555555555",
    "98765432109876",
)


def _private_notice(code: object = "200") -> dict[str, object]:
    body = notice(
        code=code,
        source={
            "name": "Bruce Wayne",
            "type": "card",
            "number": "450799******0010",
            "barcode": "98765432109876" * 4,
            "cardholder": {"name": "Bruce Wayne", "identification": "12123123"},
        },
    )
    person = {"name": "Bruce Wayne", "email": "bruce@wayne.com", "phone": "+15555555555"}
    body["data"].update(customer={**person, "identification": "12123123"}, user=person)
    return body


@pytest.mark.parametrize("code", ["200", "400", "602", "605", "999"])
def test_readings_hold_no_private_value(code: str) -> None:
    shown = repr(dataclasses.asdict(translated(_private_notice(code))))

    assert not [value for value in _PRIVATE if value in shown]


def test_nested_text_is_not_quoted() -> None:
    unknown = parked({"type": "checkout", "data": '{"customer": {"name": "Bruce Wayne"}}'})

    assert unknown.value is None


def test_offending_object_is_not_quoted() -> None:
    unknown = parked(notice(id={"name": "Bruce Wayne"}))

    assert unknown.value == "an object"


def test_long_values_are_cut() -> None:
    unknown = translated(notice(type_="x" * 5_000))

    assert isinstance(unknown, Unknown)
    assert len(unknown.value or "") <= 120


def test_long_facts_are_cut() -> None:
    assert len(observed(notice(operation={"type": "x" * 5_000})).facts["operation_type"]) <= 120
