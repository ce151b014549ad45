"""Version 1 lies in queues while a newer process starts: it is read as it was."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts import webhook_translated
from libs.contracts.errors import ContractError
from libs.contracts.readings import ParkReason, Unknown
from libs.contracts.translated import Translated
from libs.contracts.webhook_translated_v1 import VERSION, decode
from tests.contract.older import encode
from tests.contract.outcomes import OUTCOMES
from tests.unit.domain.saying import brl, entry, paid, refund
from tests.unit.reconciler.telling import told


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OUTCOMES, max_size=3).map(tuple))
def test_every_outcome_reads_back(outcomes: tuple[Translated, ...]) -> None:
    assert decode(encode(outcomes)) == webhook_translated.decode(encode(outcomes)) == outcomes


@given(st.binary(max_size=2000))
def test_raw_body_reads_back(body: bytes) -> None:
    [outcome] = decode(encode((told(1, Unknown(reason=ParkReason.FAILED, detail="x")),)))
    assert outcome.body == b"{}"
    kept = Translated(**{**_fields(outcome), "body": body})
    assert decode(encode((kept,)))[0].body == body


def _fields(outcome: Translated) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in Translated.__dataclass_fields__}


def test_the_wire_form_stays() -> None:
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
        webhook_translated.decode(raw)


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
        webhook_translated.decode(orjson.dumps(message))


def test_refusal_quotes_nothing() -> None:
    message = orjson.loads(_changed())
    message["outcomes"][0]["readings"][0]["state"] = "card-holder-name"
    with pytest.raises(ContractError) as refused:
        webhook_translated.decode(orjson.dumps(message))
    assert "card-holder" not in str(refused.value)
    assert refused.value.__suppress_context__
