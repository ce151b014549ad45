"""What is parked, shown and published says nothing about a person."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Ignored, ParkReason, Poke, Reading, Unknown
from libs.domain.lifecycle import Authority, Kind, State
from libs.domain.observation import Observation
from libs.providers.registry import PROVIDERS
from services.normalizer.discretion import discreet
from services.normalizer.translate import Translator
from tests.providers.corpora import samples

AT = datetime(2026, 1, 15, tzinfo=UTC)
PERSON = "bruce@wayne.com, CPF 123.456.789-09, 4111 1111 1111 1111"
MASKED = "[e-mail], CPF [document], 411111******1111"


def observed(**told: Any) -> Observation:  # noqa: ANN401
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref="4111111111111111",
        key="k",
        provider_status=told.pop("provider_status", "checkout 400"),
        state=State.DECLINED,
        authority=Authority.SECRET,
        received_at=AT,
        delivery_id="d",
        **told,
    )


@pytest.mark.parametrize("field", ["provider_status", "failure_reason", "method"])
def test_words_of_an_observation_are_masked(field: str) -> None:
    found = discreet(observed(**{field: PERSON}))

    assert getattr(found, field) == MASKED
    assert isinstance(found, Observation)
    assert found.provider_ref == "4111111111111111"


def test_facts_are_masked_and_identifiers_in_them_are_not() -> None:
    """`make fuzz` found them: a word of a provider may stand in a fact as well."""
    plain = {
        "paid_value": "1564.33",
        "created_at": "2026-01-15T12:00:00Z",
        "subscription_uid": "x-1",
    }

    found = discreet(
        observed(facts={**plain, "operation_type": PERSON, "event": "4111111111111111"})
    )

    assert isinstance(found, Observation)
    assert found.facts == {**plain, "operation_type": MASKED, "event": "411111******1111"}
    said = observed(facts=plain)
    assert discreet(said) is said


def test_why_something_is_asked_or_ignored_is_masked() -> None:
    """`make fuzz` found the first: Clip's short notice says in its own words what happened."""
    poke = discreet(Poke(kind=Kind.PAYMENT, provider_ref="4111111111111111", why=f"a {PERSON}"))
    ignored = discreet(Ignored(provider_status=PERSON, why="known"))

    assert poke == Poke(kind=Kind.PAYMENT, provider_ref="4111111111111111", why=f"a {MASKED}")
    assert ignored == Ignored(provider_status=MASKED, why="known")


def test_what_is_parked_is_masked() -> None:
    parked = Unknown(
        reason=ParkReason.UNKNOWN_VALUE, field="type", value=PERSON, detail=f"not known: {PERSON}"
    )

    found = discreet(parked)

    assert isinstance(found, Unknown)
    assert (found.value, found.detail) == (MASKED, f"not known: {MASKED}")
    assert (found.reason, found.field) == (parked.reason, parked.field)


@pytest.mark.parametrize(
    "reading",
    [
        observed(failure_reason="Fondos insuficientes"),
        Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="a new word", field="x", value="venta"),
        Ignored(provider_status="x", why="y"),
        Poke(kind=Kind.PAYMENT, provider_ref="x", why="y"),
    ],
)
def test_other_words_stay(reading: Reading) -> None:
    assert discreet(reading) == reading


def test_corpora_are_said_as_before() -> None:
    """The masks take nothing from what the providers really say."""
    for sample in samples():
        for reading in PROVIDERS[sample.provider].translate(sample.delivery(), sample.terms()):
            assert discreet(reading) == reading, sample.situation


def test_translator_is_discreet() -> None:
    body = b'{"type": "bruce@wayne.com", "data": {}}'
    delivery = Delivery(
        id="d",
        source="mobbex",
        provider="mobbex",
        body=body,
        received_at=AT,
        authority=Authority.SECRET,
    )

    [reading] = Translator(PROVIDERS, {}).readings_of(delivery)

    assert "wayne" not in repr(dataclasses.asdict(reading))
