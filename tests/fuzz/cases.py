"""One input after the other, each drawn from the seed and its own number: any of them can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Final

from libs.contracts.delivery import Delivery, Origin
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from tests.fuzz import in_bytes, in_trees, trees
from tests.fuzz.in_trees import Stock
from tests.fuzz.planted import NOTHING, Planted, plant
from tests.providers.corpora import RECEIVED_AT, Sample, provider_named, samples

_CONTENT_TYPES: Final = (
    *("", "application/json", "application/json; charset=utf-8", "text/plain", "APPLICATION/JSON"),
    *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=ISO-8859-1"),
)
_TERMS: Final = Terms()
_FORMS: Final = frozenset({"mobbex", "payu"})  # whose bodies may be forms
_HISTORY: Final = 4  # observations beside those of the input, at most
_REPORTS: Final = 0.05  # of PayU's inputs are files of its report
_LARGE: Final = 0.001  # of the inputs are blown up


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input. `template` is the delivery of the payload that it was made of, with the body changed."""

    provider: str
    number: int
    recipe: str
    template: Delivery
    terms: Terms
    planted: Planted
    history: tuple[Observation, ...]

    @property
    def body(self) -> bytes:
        return self.template.body

    @property
    def posted(self) -> bool:
        """Whether it comes through the front door; else it is an answer, a report, or a call of ours."""
        return self.template.origin is Origin.WEBHOOK

    def with_body(self, body: bytes) -> Case:
        """Return the same with other bytes."""
        return replace(self, template=replace(self.template, body=body))


def case(provider: str, seed: int, number: int) -> Case:
    """Make the `number`-th input of a provider."""
    rng = Random(f"{seed}/{provider}/{number}")
    sample = rng.choice(_samples(provider))
    if provider == "payu" and rng.random() < _REPORTS:
        body, planted, recipe = in_bytes.report(rng, _stock(provider).words), NOTHING, "a report"
    else:
        body, planted, recipe = _body(sample, rng)
    if rng.random() < _LARGE:
        # what was planted may be what is repeated, or not stand in its field any more
        body, planted, recipe = in_bytes.blown_up(body, rng), NOTHING, f"{recipe}, blown up"
    template = replace(sample.delivery(), body=body)
    if rng.random() < 0.3:
        template = replace(template, content_type=rng.choice(_CONTENT_TYPES))
    return Case(
        provider=provider,
        number=number,
        recipe=f"{sample.situation}: {recipe}",
        template=template,
        terms=_terms(sample, rng),
        planted=planted,
        history=_history(provider, rng),
    )


def _body(sample: Sample, rng: Random) -> tuple[bytes, Planted, str]:
    provider, others = sample.provider, _bodies(sample.provider)
    root = trees.read(sample.body)
    if isinstance(root, list) and rng.random() < 0.85:
        times = rng.choice((0, 1, 1, 1, 2, 2, 3, 5))
        root = in_trees.changed(root, rng, _stock(provider), times)
        fields = PROVIDERS[provider].personal_fields
        planted = plant(root, rng, provider, fields) if rng.random() < 0.8 else NOTHING
        form = provider in _FORMS and isinstance(root, trees.Members) and rng.random() < 0.25
        body = trees.as_form(root, rng) if form else trees.written(root, rng)
        recipe = f"{times} changes of the {'form' if form else 'document'}"
        if rng.random() < 0.05:
            return in_bytes.truncated(body, rng), planted, f"{recipe}, cut off"
        return body, planted, recipe
    times = rng.choice((1, 1, 1, 2, 3))
    if b"=" in sample.body and sample.situation.endswith(".form") and rng.random() < 0.8:
        return in_bytes.form_changed(sample.body, rng, others, times), NOTHING, f"{times} fields"
    return in_bytes.changed(sample.body, rng, others, times), NOTHING, f"{times} changes of bytes"


def _terms(sample: Sample, rng: Random) -> Terms:
    if rng.random() < 0.8:
        return sample.terms()
    # as a sources file may have them
    words = [word for word in _stock(sample.provider).words if word.isprintable()] or [""]
    return Terms(
        currency=rng.choice((None, "BRL", "COP", "CLP", "CLF", "KWD")),
        timezone=rng.choice((None, "America/Bogota", "Asia/Kathmandu", "America/Sao_Paulo")),
        aliases={rng.choice(words).lower(): rng.choice(words)},
    )


def _history(provider: str, rng: Random) -> tuple[Observation, ...]:
    known = _observations(provider)
    return tuple(rng.sample(known, min(len(known), rng.randrange(_HISTORY + 1))))


@cache
def _samples(provider: str) -> Sequence[Sample]:
    return tuple(each for each in samples() if each.provider == provider)


@cache
def _bodies(provider: str) -> Sequence[bytes]:
    return tuple(each.body for each in _samples(provider))


@cache
def _stock(provider: str) -> Stock:
    """Return what the payloads of a provider are made of."""
    documents = [trees.read(body) for body in _bodies(provider)]
    found = tuple(each for each in documents if isinstance(each, list) and each)
    names = {key for each in found for node in trees.objects(each) for key, _ in node}
    texts = {p.value for each in found for p in trees.places(each) if isinstance(p.value, str)}
    words = {text for text in texts if not isinstance(text, trees.Token) and 0 < len(text) < 60}
    return Stock(found, tuple(sorted(names)), tuple(sorted(words)))


@cache
def _observations(provider: str) -> Sequence[Observation]:
    """Return what the untouched payloads say, each as if a delivery of its own had told it."""
    found = [
        reading
        for sample in _samples(provider)
        for reading in provider_named(provider).translate(sample.delivery(), sample.terms())
        if isinstance(reading, Observation)
    ]
    return tuple(
        replace(
            said,
            delivery_id=f"01900000-0000-7000-8000-{number:012d}",
            received_at=RECEIVED_AT.replace(minute=number // 60 % 60, second=number % 60),
        )
        for number, said in enumerate(found, start=2)
    )
