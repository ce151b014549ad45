"""Whatever a delivery is, it gets an outcome; only what our own code gets wrong is raised."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from libs.contracts import webhook_translated
from libs.contracts.delivery import Delivery
from libs.contracts.readings import Ignored, ParkReason, Poke, Reading, Unknown
from libs.domain.lifecycle import Authority, Kind
from libs.domain.observation import Observation
from libs.personal.datum import NO_FIELDS, PersonalFields
from libs.providers.port import Answer, Terms
from libs.providers.registry import PROVIDERS
from libs.runtime.failures import PermanentError
from services.normalizer.translate import KEY_LIMIT, REFERENCE_LIMIT, Translator, failure
from tests.unit.domain.saying import paid

DELIVERY = Delivery(
    id=str(uuid.UUID(int=7)),
    source="odd-mx",
    provider="odd",
    body=b'{"card": "4111111111111111"}',
    received_at=datetime(2026, 3, 2, tzinfo=UTC),
    authority=Authority.SECRET,
)


@dataclass
class StandIn:
    """A provider that says what it is told to say."""

    says: tuple[Reading, ...] = ()
    raises: Exception | None = None
    heard: list[Terms] = field(default_factory=list)
    slug: str = "odd"
    documented_path: str | None = None
    secret_body_fields: tuple[str, ...] = ()
    personal_fields: PersonalFields = field(default_factory=lambda: NO_FIELDS)

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        self.heard.append(terms)
        if self.raises is not None:
            raise self.raises
        assert delivery.body
        return self.says

    def acknowledge(self, delivery: Delivery) -> Answer:
        assert delivery
        return Answer()


def translator(*says: Reading, raises: Exception | None = None) -> Translator:
    return Translator({"odd": StandIn(says, raises)}, {})


def only(outcome: webhook_translated.Translated) -> Reading:
    [reading] = outcome.readings
    return reading


def test_outcome_carries_the_envelope() -> None:
    outcome = translator(paid(at=1)).outcome_of(DELIVERY)
    assert outcome.readings == (paid(at=1),)
    assert (outcome.delivery_id, outcome.source, outcome.provider) == (
        DELIVERY.id, "odd-mx", "odd",
    )  # fmt: skip
    assert (outcome.received_at, outcome.authority) == (DELIVERY.received_at, Authority.SECRET)
    assert outcome.delivery == DELIVERY


def test_terms_of_the_source_are_used() -> None:
    stand_in = StandIn((paid(at=1),))
    terms = {"odd-mx": Terms(currency="MXN")}
    Translator({"odd": stand_in}, terms).outcome_of(DELIVERY)
    Translator({"odd": stand_in}, terms).outcome_of(replace(DELIVERY, source="odd-br"))
    assert stand_in.heard == [Terms(currency="MXN"), Terms()]


def test_bug_is_raised() -> None:
    """Whoever calls counts the attempts; see the tests of messages."""
    with pytest.raises(ValueError, match="cannot read"):
        translator(raises=ValueError("cannot read")).outcome_of(DELIVERY)


def test_unknown_provider_is_told() -> None:
    with pytest.raises(PermanentError, match="no provider is called odd"):
        Translator({}, {}).outcome_of(DELIVERY)


def test_saying_nothing_is_a_bug() -> None:
    with pytest.raises(PermanentError, match="the adapter said nothing"):
        translator().outcome_of(DELIVERY)


def test_failure_keeps_the_delivery() -> None:
    outcome = failure(DELIVERY, "somewhere", 5)
    assert outcome.delivery == DELIVERY
    assert only(outcome) == Unknown(reason=ParkReason.FAILED, detail="somewhere", attempts=5)
    assert webhook_translated.decode(webhook_translated.encode((outcome,))) == (outcome,)


@pytest.mark.parametrize(
    "reading",
    [
        paid(at=1, provider_ref="r" * (REFERENCE_LIMIT + 1)),
        paid(at=1, key="k" * (KEY_LIMIT + 1)),
        Poke(kind=Kind.PAYMENT, provider_ref="r" * (REFERENCE_LIMIT + 1), why="short"),
    ],
    ids=["reference", "key", "poke"],
)
def test_overlong_name_is_parked(reading: Reading) -> None:
    outcome = translator(reading).outcome_of(DELIVERY)
    parked = only(outcome)
    assert isinstance(parked, Unknown)
    assert parked.reason is ParkReason.MALFORMED
    assert parked.value is None
    assert outcome.body == DELIVERY.body


def test_longest_name_is_kept() -> None:
    said = paid(at=1, provider_ref="é" * REFERENCE_LIMIT, key="k" * KEY_LIMIT)
    assert only(translator(said).outcome_of(DELIVERY)) == said


def test_overlong_other_name_is_left_out() -> None:
    """It costs the alias, not the news."""
    said = paid(at=1, aliases=("r-1", "a" * (REFERENCE_LIMIT + 1)))
    assert only(translator(said).outcome_of(DELIVERY)) == replace(said, aliases=("r-1",))


def test_only_the_overlong_part_is_parked() -> None:
    long, fine = paid(at=1, provider_ref="r" * 999), paid(at=2)
    outcome = translator(long, fine).outcome_of(DELIVERY)
    assert [type(reading) for reading in outcome.readings] == [Unknown, Observation]


def test_repeat_has_the_same_identity() -> None:
    """Whatever the delivery's id; another body that says the same is the same news."""
    found = translator(paid(at=1))
    again = replace(DELIVERY, id=str(uuid.UUID(int=8)), body=b"{ }")
    assert found.outcome_of(DELIVERY).identity == found.outcome_of(again).identity
    mute = translator(Ignored(provider_status="x", why="y"))
    assert mute.outcome_of(DELIVERY).identity != mute.outcome_of(again).identity


_BODIES = [
    b"", b"{", b"[]", b"null", b"NaN", b"\xff\xfe", b"\x00", b'{"a":1,"a":2}', b'"\\ud800"',
    b"[" * 100_000, b'{"a":' * 5_000, b"1e99999999999", b"9" * 5_000, b"a=1&a=2", b"%00=%00",
    b'{"status":"\\u0000"}', b'{"id":{"$ne":null}}', b"<xml/>", "\u2028".encode(), b"{}",
]  # fmt: skip


@pytest.mark.parametrize("slug", sorted(PROVIDERS))
@pytest.mark.parametrize("body", _BODIES, ids=range(len(_BODIES)))
def test_nonsense_is_parked_or_ignored(slug: str, body: bytes) -> None:
    """With the real providers: an outcome that can be written, and never news."""
    delivery = replace(DELIVERY, provider=slug, body=body, content_type="application/json")
    outcome = Translator(PROVIDERS, {}).outcome_of(delivery)
    assert outcome.readings
    assert not any(isinstance(reading, Observation) for reading in outcome.readings)
    assert not any(
        isinstance(r, Unknown) and r.reason is ParkReason.FAILED for r in outcome.readings
    )
    assert webhook_translated.decode(webhook_translated.encode((outcome,))) == (outcome,)
