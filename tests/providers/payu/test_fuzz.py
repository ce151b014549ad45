"""Whatever arrives, translation never raises and never says nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.delivery import Delivery
from libs.contracts.readings import VALUE_LIMIT, Unknown
from libs.domain.observation import Observation
from libs.providers.payu import PROVIDER
from libs.providers.port import Terms
from tests.providers.corpora import Sample, rendered, samples

SAMPLES: Final = [
    sample for sample in samples() if sample.provider == PROVIDER.slug and len(sample.body) < 5_000
]
TEMPLATE: Final = SAMPLES[0].delivery()
BOUNDED: Final = settings(max_examples=80, deadline=None, database=None, derandomize=True)

FIELDS: Final = (
    "pushPaymentId", "paymentOrderId", "state", "status", "value", "currency", "creationDate",
    "dateOfTheNextValidation", "errorCode", "validationState", "fullName",
)  # fmt: skip
WORDS: Final = (
    "REJECTED", "CREATED", " in-banking process", "7202A9A7-EF51-4202-BD23-E604F9CBB25B", "1e5", "-0",
)  # fmt: skip

texts = st.sampled_from(WORDS) | st.text(max_size=60)
numbers = st.integers(-(10**38), 10**38) | st.floats() | st.integers(-1, 20)
leaves = st.none() | st.booleans() | numbers | texts
keys = st.sampled_from(FIELDS) | st.text(max_size=8)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=12,
)
terms = st.builds(
    Terms,
    currency=st.none() | st.sampled_from(("BRL", "COP", "CLP", "CLF")),
    timezone=st.none() | st.sampled_from(("America/Bogota", "No/Where", "", "../x")),
    aliases=st.dictionaries(texts, texts, max_size=2),
)


def check(delivery: Delivery, source: Terms) -> None:
    readings = PROVIDER.translate(delivery, source)

    assert readings
    assert PROVIDER.acknowledge(delivery).status == 200
    for reading in readings:
        text = json.dumps(rendered(reading), ensure_ascii=False)
        assert "\\u0000" not in text
        assert text.encode()
        if isinstance(reading, Unknown):
            assert len(reading.value or "") <= VALUE_LIMIT
        if isinstance(reading, Observation):
            assert reading.provider_ref
            assert len(reading.key) < 400


@BOUNDED
@given(body=st.binary(max_size=300), source=terms)
def test_arbitrary_bytes_never_raise(body: bytes, source: Terms) -> None:
    check(replace(TEMPLATE, body=body), source)


@BOUNDED
@given(document=st.dictionaries(keys, documents, max_size=12), source=terms)
def test_arbitrary_objects_never_raise(document: dict[str, Any], source: Terms) -> None:
    check(replace(TEMPLATE, body=json.dumps(document).encode()), source)


@BOUNDED
@given(
    pairs=st.lists(st.tuples(keys, texts), max_size=8),
    content_type=st.sampled_from(("", "application/json", "application/x-www-form-urlencoded")),
)
def test_arbitrary_forms_never_raise(pairs: list[tuple[str, str]], content_type: str) -> None:
    body = urlencode(pairs, errors="replace").encode()
    check(replace(TEMPLATE, body=body, content_type=content_type), Terms())


@BOUNDED
@given(data=st.data())
def test_mutated_payloads_never_raise(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SAMPLES)).body)
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            at = data.draw(st.integers(0, len(body) - 1))
            body[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    check(replace(TEMPLATE, body=bytes(body)), Terms())


@BOUNDED
@given(field=st.sampled_from(FIELDS), value=documents, sample=st.sampled_from(SAMPLES))
def test_any_value_in_any_field_never_raises(field: str, value: object, sample: Sample) -> None:
    try:
        document = json.loads(sample.body)
    except ValueError:
        return
    if isinstance(document, dict):
        document[field] = value
        check(replace(TEMPLATE, body=json.dumps(document).encode()), Terms())
