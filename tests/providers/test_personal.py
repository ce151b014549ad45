"""No adapter says anything of what its provider declares as personal, wherever in a body it stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from libs.personal.datum import Datum
from libs.providers import registry
from tests.acceptance.canaries import Canaries
from tests.providers.corpora import Sample, samples


@pytest.mark.parametrize("slug", sorted(registry.PROVIDERS))
def test_each_provider_declares_its_personal_fields_with_their_source(slug: str) -> None:
    fields = registry.PROVIDERS[slug].personal_fields
    folder = Path(registry.__file__).parent / slug

    assert fields
    assert all(path and path.strip(".") == path for path in fields)
    text = (folder / "personal.py").read_text()
    assert "https://" in text.partition("from __future__")[0]


def test_cards_are_declared_where_a_document_shows_one() -> None:
    declared = registry.PROVIDERS["mobbex"].personal_fields
    assert declared["data.payment.source.number"] is Datum.CARD


@pytest.mark.parametrize(
    "sample", list(samples()), ids=lambda each: f"{each.provider}-{each.situation}"
)
def test_no_reading_and_no_answer_holds_a_personal_value(sample: Sample) -> None:
    provider, canaries = registry.PROVIDERS[sample.provider], Canaries()
    body = canaries.plant(sample.provider, sample.situation, sample.body, provider.personal_fields)
    delivery = dataclasses.replace(sample.delivery(), body=body)

    readings = provider.translate(delivery, sample.terms())
    answer = provider.acknowledge(delivery)

    told = repr([dataclasses.asdict(reading) for reading in readings])
    assert canaries.in_text(told + answer.body.decode()) == []
