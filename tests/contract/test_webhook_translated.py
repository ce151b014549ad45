"""Outcomes that were written read back the same, and nothing else reads at all."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.delivery import Origin
from libs.contracts.errors import ContractError
from libs.contracts.readings import Ignored, ParkReason, Poke, Unknown
from libs.contracts.webhook_translated import VERSION, Translated, decode, encode
from libs.domain.lifecycle import Authority, Kind
from libs.domain.observation import Observation
from tests.contract.observations import OBSERVATIONS, TEXTS, TIMES, maybe
from tests.unit.domain.saying import brl, entry, paid, refund
from tests.unit.reconciler.telling import told

_READINGS = st.one_of(
    OBSERVATIONS,
    st.builds(Poke, kind=st.sampled_from(Kind), provider_ref=TEXTS, why=TEXTS),
    st.builds(Ignored, provider_status=TEXTS, why=TEXTS),
    st.builds(
        Unknown,
        reason=st.sampled_from(ParkReason),
        detail=TEXTS,
        field=maybe(TEXTS),
        value=maybe(TEXTS),
    ),
)
_OUTCOMES = st.builds(
    Translated,
    delivery_id=TEXTS,
    source=TEXTS,
    provider=TEXTS,
    origin=st.sampled_from(Origin),
    authority=st.sampled_from(Authority),
    received_at=TIMES,
    identity=TEXTS,
    readings=st.lists(_READINGS, max_size=3).map(tuple),
    traceparent=maybe(TEXTS),
    body=maybe(st.binary(max_size=60)),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_OUTCOMES, max_size=3).map(tuple))
def test_every_outcome_reads_back(outcomes: tuple[Translated, ...]) -> None:
    found = decode(encode(outcomes))
    assert found == outcomes
    assert [[type(r) for r in o.readings] for o in found] == [
        [type(r) for r in o.readings] for o in outcomes
    ]
    assert repr(_numbers(found)) == repr(_numbers(outcomes))


def _numbers(outcomes: tuple[Translated, ...]) -> list[object]:
    """Return the amounts: equal numbers may still differ in their digits."""
    return [
        (reading.amount and reading.amount.amount, reading.fees, reading.net)
        for outcome in outcomes
        for reading in outcome.readings
        if isinstance(reading, Observation)
    ]


@given(st.binary(max_size=2000))
def test_raw_body_reads_back(body: bytes) -> None:
    [outcome] = decode(encode((told(1, Unknown(reason=ParkReason.FAILED, detail="x")),)))
    assert outcome.body == b"{}"
    kept = Translated(**{**_fields(outcome), "body": body})
    assert decode(encode((kept,)))[0].body == body


def _fields(outcome: Translated) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in Translated.__dataclass_fields__}


def test_the_wire_form_stays() -> None:
    """Messages of an older process lie in the queue while a newer one starts."""
    outcome = told(1, refund(entry("4.00"), at=3), Unknown(reason=ParkReason.FAILED, detail="x"))
    said = orjson.loads(encode((outcome,)))
    assert said["version"] == VERSION == 1
    [sent] = said["outcomes"]
    assert sent | {"identity": "", "readings": []} == {
        "delivery_id": "01900000-0000-7000-8000-000000000001",
        "source": "clip-mx",
        "provider": "clip",
        "origin": "webhook",
        "authority": "secret",
        "received_at": "2026-03-03T04:41:00Z",
        "identity": "",
        "readings": [],
        "body": "e30=",
    }
    assert sent["readings"] == [
        {
            "kind": "payment",
            "provider_ref": "ref-1",
            "key": "refund:r1-succeeded-4.00@3/secret",
            "provider_status": "refund:r1-succeeded-4.00",
            "refunds": [{"status": "succeeded", "ledger_key": "r1", "amount": "4.00"}],
            "authority": "secret",
            "occurred_at": "2026-03-02T12:03:00Z",
            "received_at": "2026-03-03T04:41:00Z",
            "delivery_id": "01900000-0000-7000-8000-000000000001",
        },
        {"reason": "failed", "detail": "x"},
    ]


def _changed(**more: object) -> bytes:
    message = orjson.loads(encode((told(1, paid(at=1, amount=brl("1.00"))),)))
    return orjson.dumps(message | more)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"null", b"[]", b"{}", b'{"version":1}', b'{"outcomes":[]}', b"\xff\x00",
        _changed(version=2), _changed(version=0), _changed(version=None), _changed(outcomes=None),
        _changed(outcomes=[{}]), _changed(outcomes=[None]), _changed(outcomes={}),
    ],
)  # fmt: skip
def test_foreign_message_is_refused(raw: bytes) -> None:
    with pytest.raises(ContractError):
        decode(raw)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "refund"), ("state", "PAID"), ("authority", "rumour"), ("flags", ["odd"]),
        ("amount", {"amount": "NaN", "currency": "BRL"}), ("amount", "1.00"), ("key", 5),
        ("received_at", "yesterday"), ("refunds", [{}]),
    ],
)  # fmt: skip
def test_foreign_word_is_refused(name: str, value: object) -> None:
    message = orjson.loads(_changed())
    message["outcomes"][0]["readings"][0][name] = value
    with pytest.raises(ContractError):
        decode(orjson.dumps(message))


def test_refusal_quotes_nothing() -> None:
    message = orjson.loads(_changed())
    message["outcomes"][0]["readings"][0]["state"] = "card-holder-name"
    with pytest.raises(ContractError) as refused:
        decode(orjson.dumps(message))
    assert "card-holder" not in str(refused.value)
    assert refused.value.__suppress_context__
