"""Outcomes that were written read back the same, and nothing else reads at all."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts import webhook_translated_v1
from libs.contracts.errors import ContractError
from libs.contracts.readings import Ignored, ParkReason, Poke, Unknown
from libs.contracts.webhook_translated import VERSION, Translated, decode, encode
from libs.domain.lifecycle import Kind
from libs.domain.observation import Observation
from tests.contract import older
from tests.contract.outcomes import OUTCOMES
from tests.unit.domain.saying import brl, entry, paid, refund
from tests.unit.reconciler.telling import told

_BATCHES = st.lists(OUTCOMES, max_size=3).map(tuple)
_PLAIN = told(1, paid(at=1, amount=brl("1.00")), Unknown(reason=ParkReason.FAILED, detail="x"))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_BATCHES)
def test_every_outcome_reads_back(outcomes: tuple[Translated, ...]) -> None:
    found = decode(encode(outcomes))
    assert found == outcomes
    assert [[type(r) for r in o.readings] for o in found] == [
        [type(r) for r in o.readings] for o in outcomes
    ]
    assert repr(_numbers(found)) == repr(_numbers(outcomes))
    assert repr(found) == repr(webhook_translated_v1.decode(older.encode(outcomes)))


def _numbers(outcomes: tuple[Translated, ...]) -> list[object]:
    """Return the amounts: equal numbers may still differ in their digits."""
    return [
        (reading.amount and reading.amount.amount, reading.fees, reading.net)
        for outcome in outcomes
        for reading in outcome.readings
        if isinstance(reading, Observation)
    ]


def test_the_wire_form_stays() -> None:
    """Messages of an older process lie in the queue while a newer one starts."""
    outcome = told(
        1,
        refund(entry("4.00"), at=3),
        Unknown(reason=ParkReason.FAILED, detail="x"),
        Poke(kind=Kind.PAYMENT, provider_ref="p", why="w"),
        Ignored(provider_status="s", why="w"),
    )
    line, _, bodies = encode((outcome, replace(outcome, body=b"\n\xff", readings=()))).partition(
        b"\n"
    )
    said = orjson.loads(line)
    assert said["version"] == VERSION
    assert bodies == b"{}\n\xff"
    [sent, other] = said["outcomes"]
    assert other["size"] == 2
    assert sent | {"identity": "", "readings": []} == {
        "delivery_id": "01900000-0000-7000-8000-000000000001",
        "source": "clip-mx",
        "provider": "clip",
        "origin": "webhook",
        "authority": "secret",
        "received_at": "2026-03-03T04:41:00Z",
        "identity": "",
        "readings": [],
        "size": 2,
        "traceparent": None,
        "content_type": "",
        "headers": {},
        "route_event": None,
        "replay_of": None,
    }
    assert sent["readings"] == [
        {
            "observation": {
                "kind": "payment",
                "provider_ref": "ref-1",
                "key": "refund:r1-succeeded-4.00@3/secret",
                "provider_status": "refund:r1-succeeded-4.00",
                "refunds": [{"status": "succeeded", "ledger_key": "r1", "amount": "4.00"}],
                "authority": "secret",
                "occurred_at": "2026-03-02T12:03:00Z",
                "received_at": "2026-03-03T04:41:00Z",
                "delivery_id": "01900000-0000-7000-8000-000000000001",
            }
        },
        {
            "unknown": {
                "reason": "failed", "detail": "x", "field": None, "value": None, "attempts": 1,
            }
        },
        {"poke": {"kind": "payment", "provider_ref": "p", "why": "w"}},
        {"ignored": {"provider_status": "s", "why": "w"}},
    ]  # fmt: skip


def test_lone_surrogate_is_refused() -> None:
    with pytest.raises(ContractError, match="cannot be written"):
        encode((replace(_PLAIN, identity="\ud800"),))


def changed(bodies: bytes = b"{}", **more: object) -> bytes:
    """Give a message in which fields of its outcome, or of the line, are other ones."""
    line = orjson.loads(encode((_PLAIN,)).partition(b"\n")[0])
    outcome = line["outcomes"][0]
    for name, value in more.items():
        (line if name in line else outcome)[name] = value
    return orjson.dumps(line) + b"\n" + bodies


def reading(**more: object) -> list[object]:
    """Give the readings with another value in the observation."""
    said = orjson.loads(changed().partition(b"\n")[0])["outcomes"][0]["readings"]
    said[0]["observation"] |= more
    return list(said)


def test_it_reads_unless_it_is_changed() -> None:
    assert decode(changed()) == decode(changed(readings=reading())) == (_PLAIN,)
    assert decode(changed(more="of a newer process")) == (_PLAIN,)


@pytest.mark.parametrize(
    "message",
    [
        changed()[:-3], changed()[:-1], changed(b"{}}"), changed(b""), changed().replace(b"}", b"", 1),
        b'{"version":2,', b'{"version":2,\n', b'{"version":2,"outcomes":[]}', b'{"version":2,\xff}\n',
        b'{"version":2,"outcomes":{}}\n', b'{"version":2,"outcomes":[null]}\n',
        changed(version=1), changed(version=3), changed(version=None), changed(outcomes=[{}]),
        b'{"version":2,"version":1,"outcomes":[]}\n', b'{"version":2,"outcomes":[],"version":"2"}\n',
        changed(size=1), changed(size=3), changed(size=-2), changed(size="2"), changed(size=2.0),
        changed(b"{", size=True), changed(size=None), changed(size=10**18),
        changed(delivery_id=1), changed(source=None), changed(provider=[]), changed(origin="moon"),
        changed(authority="rumour"), changed(received_at="yesterday"), changed(identity=None),
        changed(traceparent=1), changed(content_type=None), changed(headers=[]),
        changed(headers={"a": 1}), changed(route_event=1), changed(replay_of=1), changed(readings=None),
        changed(readings=[{}]), changed(readings=[None]), changed(readings=[{"rumour": {}}]),
        changed(readings=[{"observation": None}]), changed(readings=[{"observation": {}}]),
        changed(readings=[{**reading()[0], **reading()[1]}]),  # type: ignore[dict-item]
    ],
)  # fmt: skip
def test_foreign_message_is_refused(message: bytes) -> None:
    with pytest.raises(ContractError):
        decode(message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "refund"), ("state", "PAID"), ("authority", "rumour"), ("flags", ["odd"]),
        ("amount", {"amount": "NaN", "currency": "BRL"}), ("amount", "1.00"), ("key", 5),
        ("received_at", "yesterday"), ("refunds", [{}]),
    ],
)  # fmt: skip
def test_foreign_word_is_refused(name: str, value: object) -> None:
    with pytest.raises(ContractError):
        decode(changed(readings=reading(**{name: value})))


@given(st.binary(max_size=60))
def test_any_end_is_refused(rest: bytes) -> None:
    for start in (b'{"version":2,', b'{"version":2,"outcomes":[]}', b""):
        message = start + rest
        line, newline, bodies = message.partition(b"\n")
        if line.rstrip(b" \t\r") != b'{"version":2,"outcomes":[]}' or not newline or bodies:
            with pytest.raises(ContractError):
                decode(message)


def test_refusal_quotes_nothing() -> None:
    with pytest.raises(ContractError) as refused:
        decode(changed(readings=reading(state="card-holder-name")))
    assert "card-holder" not in str(refused.value)
    assert refused.value.__suppress_context__
