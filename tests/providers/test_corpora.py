"""Every payload file gives exactly its expected readings and its expected answer."""

from __future__ import annotations

import json

import pytest

from tests.providers.corpora import Sample, provider_named, rendered, samples


def _id(sample: Sample) -> str:
    return f"{sample.provider}-{sample.situation}"


@pytest.mark.parametrize("sample", list(samples()), ids=_id)
def test_payload_gives_its_expected_readings(sample: Sample) -> None:
    readings = provider_named(sample.provider).translate(sample.delivery(), sample.terms())

    assert [rendered(reading) for reading in readings] == sample.expected["readings"]


@pytest.mark.parametrize(
    "sample", [s for s in samples() if "answer" in s.expected], ids=_id
)  # fmt: skip
def test_payload_gets_its_expected_answer(sample: Sample) -> None:
    answer = provider_named(sample.provider).acknowledge(sample.delivery())

    expected = sample.expected["answer"]
    assert answer.status == expected["status"]
    if "json" in expected:
        assert json.loads(answer.body) == expected["json"]
        assert answer.content_type == "application/json"
