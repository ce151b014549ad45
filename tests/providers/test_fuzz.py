"""Whatever arrives, no provider's translation raises, and none says nothing.

Every provider of the registry is tried, with the fields and words of its own corpus: a new
provider is fuzzed by being there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.delivery import Delivery
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from tests.providers import invariants
from tests.providers.corpora import Sample, samples

BOUNDED: Final = settings(
    max_examples=80,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ODD: Final = ("", " ", "0", "1e5", "-0", "²", "9" * 60, "a" * 700, "9999-12-31T23:59:59-14:00")

every_provider = pytest.mark.parametrize("slug", sorted(PROVIDERS))
content_types = st.sampled_from(("", "application/json", "application/x-www-form-urlencoded"))


@cache
def corpus(slug: str) -> tuple[Sample, ...]:
    """Return the provider's payloads that are small enough to be mutated quickly."""
    return tuple(s for s in samples() if s.provider == slug and len(s.body) < 5_000)


@cache
def documents_of(slug: str) -> tuple[dict[str, Any], ...]:
    found = []
    for sample in corpus(slug):
        try:
            document = json.loads(sample.body)
        except ValueError:
            continue
        if isinstance(document, dict):
            found.append(document)
    return tuple(found)


@cache
def names_and_words(slug: str) -> tuple[list[str], list[str]]:
    """Return every key and every short text of the corpus."""
    names: set[str] = set()
    words: set[str] = set()
    for document in documents_of(slug):
        for path, value in _leaves(document):
            names.update(str(step) for step in path if isinstance(step, str))
            if isinstance(value, str) and len(value) < 60:
                words.add(value)
    return sorted(names), sorted(words)


def values(slug: str) -> st.SearchStrategy[Any]:
    names, words = names_and_words(slug)
    texts = st.sampled_from([*words, *ODD]) | st.text(max_size=30)
    numbers = st.integers(-(10**38), 10**38) | st.floats() | st.integers(-1, 700)
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(names) | st.text(max_size=8), inner, max_size=5)
        ),
        max_leaves=10,
    )


def terms(slug: str) -> st.SearchStrategy[Terms]:
    words = st.sampled_from(names_and_words(slug)[1])
    return st.builds(
        Terms,
        currency=st.none() | st.sampled_from(("BRL", "COP", "CLP", "CLF")),
        timezone=st.none() | st.sampled_from(("America/Bogota", "Asia/Kathmandu")),
        aliases=st.dictionaries(words, words, max_size=2),
    )


@every_provider
@BOUNDED
@given(data=st.data())
def test_arbitrary_bytes_never_raise(slug: str, data: st.DataObject) -> None:
    body = data.draw(st.binary(min_size=1, max_size=300))
    _check(slug, body, data.draw(content_types), data.draw(terms(slug)))


@every_provider
@BOUNDED
@given(data=st.data())
def test_arbitrary_json_never_raises(slug: str, data: st.DataObject) -> None:
    body = json.dumps(data.draw(values(slug))).encode()
    _check(slug, body, data.draw(content_types), data.draw(terms(slug)))


@every_provider
@BOUNDED
@given(data=st.data())
def test_arbitrary_forms_never_raise(slug: str, data: st.DataObject) -> None:
    names, words = names_and_words(slug)
    pair = st.tuples(st.sampled_from(names) | st.text(max_size=9), st.sampled_from([*words, *ODD]))
    body = urlencode(data.draw(st.lists(pair, min_size=1, max_size=8)), errors="replace").encode()
    _check(slug, body, data.draw(content_types), Terms())


@every_provider
@BOUNDED
@given(data=st.data())
def test_any_value_in_any_field_never_raises(slug: str, data: st.DataObject) -> None:
    document = json.loads(json.dumps(data.draw(st.sampled_from(documents_of(slug)))))
    paths = [path for path, _ in _leaves(document) if path]
    if paths:
        *parents, last = data.draw(st.sampled_from(paths))
        node = document
        for step in parents:
            node = node[step]
        node[last] = data.draw(values(slug))
    _check(slug, json.dumps(document).encode(), "", data.draw(terms(slug)))


@every_provider
@BOUNDED
@given(data=st.data())
def test_mutated_bytes_never_raise(slug: str, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(corpus(slug))).body)
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            at = data.draw(st.integers(0, len(body) - 1))
            body[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    _check(slug, bytes(body), data.draw(content_types), Terms())


def _check(slug: str, body: bytes, content_type: str, source: Terms) -> None:
    for sample in ways_in(slug):
        _check_one(slug, replace(sample.delivery(), body=body, content_type=content_type), source)


@cache
def ways_in(slug: str) -> tuple[Sample, ...]:
    """Return one webhook, and one answer for each question that the provider can be asked."""
    ways: dict[str, Sample] = {}
    for sample in corpus(slug):
        told = sample.expected.get("delivery", {})
        way = f"{told.get('origin')} {(told.get('route_event') or '').partition('/')[0]}"
        ways.setdefault(way if told.get("origin") else "webhook", sample)
    return tuple(ways.values())


def _check_one(slug: str, delivery: Delivery, source: Terms) -> None:
    invariants.check(PROVIDERS[slug].translate(delivery, source))
    assert PROVIDERS[slug].acknowledge(delivery).status in invariants.ANSWERS


def _leaves(
    node: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, node
    if isinstance(node, dict):
        for name, child in node.items():
            yield from _leaves(child, (*path, name))
    elif isinstance(node, list):
        for place, child in enumerate(node):
            yield from _leaves(child, (*path, place))
