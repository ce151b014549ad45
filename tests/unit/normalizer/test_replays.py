"""A replay is a delivery of its own, and proves no more than the one that it repeats."""

from __future__ import annotations

from dataclasses import replace

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from services.normalizer.translate import Translator
from tests.unit.reconciler.telling import delivery_id, received

BODY = b'{"event_type": "sale_created", "transaction_id": 7}'
ORIGINAL = Delivery(
    id=delivery_id(1),
    source="retail",
    provider="conectados",
    body=BODY,
    received_at=received(1),
    authority=Authority.SECRET,
)
REPLAY = replace(ORIGINAL, id=delivery_id(50), origin=Origin.REPLAY, replay_of=delivery_id(1))
TRANSLATOR = Translator(PROVIDERS, {"retail": Terms()})


def test_replay_says_it_under_the_original() -> None:
    first, again = TRANSLATOR.outcome_of(ORIGINAL), TRANSLATOR.outcome_of(REPLAY)

    assert again.readings == first.readings
    assert [o.delivery_id for o in again.readings if isinstance(o, Observation)] == [ORIGINAL.id]


def test_replay_has_an_identity_of_its_own() -> None:
    assert TRANSLATOR.outcome_of(REPLAY).identity == f"replay:{REPLAY.id}"
    assert TRANSLATOR.outcome_of(ORIGINAL).identity != TRANSLATOR.outcome_of(REPLAY).identity
