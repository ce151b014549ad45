"""The public contract: what downstream services rely on, told by the frozen documents."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from libs.contracts import published
from libs.contracts.event import (
    CONTENT_TYPE,
    EXCHANGE,
    QUEUE,
    Event,
    EventData,
    event_of,
    routing_key,
)
from libs.domain.lifecycle import Authority, Flag, Kind, State, states_of
from tests.unit.domain.saying import brl, entry, minute, paid, refund
from tests.unit.reconciler.arriving import arrive, events
from tests.unit.reconciler.histories import history_of

GOLDEN = Path(__file__).parent / "event.golden.json"
ONE = EventData(
    source="clip-mx",
    provider="clip",
    kind=Kind.PAYMENT,
    provider_ref="d9a2b1c0-0000-4000-8000-000000000001",
    merchant_ref="pedido-1",
    state=State.PARTIALLY_REFUNDED,
    previous_state=State.PAID,
    provider_status="REFUNDED",
    amount=Decimal("47.50"),
    currency="MXN",
    refunded_amount=Decimal("10.00"),
    fees=None,
    net=Decimal(1000),
    flags=(Flag.LATE, Flag.VERIFY),
    livemode=True,
    occurred_at=datetime(2026, 1, 15, 12, 0, 0, 120000, tzinfo=UTC),
    received_at=datetime(2026, 1, 15, 12, 0, 1, tzinfo=UTC),
    authority=Authority.SECRET,
    delivery_id="01900000-0000-7000-8000-000000000001",
    method="card",
    failure_reason=None,
    expires_at=None,
)


def frozen(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((published.FOLDER / name).read_text(encoding="utf-8"))
    return document


VALIDATOR = Draft202012Validator(frozen("event.schema.json"), format_checker=FormatChecker())


def as_sent(event: Event) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(json.dumps(event.model_dump(mode="json")))
    return sent


def test_frozen_documents_are_those_of_the_code() -> None:
    assert published.drifted() == []


def test_drift_is_seen(tmp_path: Path) -> None:
    """A document that differs, and one that is missing."""
    published.write(tmp_path)
    assert published.drifted(tmp_path) == []
    (tmp_path / "asyncapi.json").unlink()
    (tmp_path / "event.schema.json").write_text("{}")
    assert sorted(published.drifted(tmp_path)) == ["asyncapi.json", "event.schema.json"]


def test_schema_is_valid_json_schema() -> None:
    Draft202012Validator.check_schema(frozen("event.schema.json"))


def test_asyncapi_has_the_same_schema() -> None:
    document = frozen("asyncapi.json")
    payload = document["components"]["messages"]["event"]["payload"]
    assert payload["schema"] == frozen("event.schema.json")
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"]["events"]["bindings"]["amqp"]["exchange"]["name"] == EXCHANGE
    assert document["channels"]["everything"]["address"] == QUEUE
    assert document["defaultContentType"] == CONTENT_TYPE


def test_asyncapi_references_lead_somewhere() -> None:
    document = frozen("asyncapi.json")

    def references(node: Any) -> list[str]:  # noqa: ANN401 - JSON
        if isinstance(node, dict):
            mine = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return mine + [
                ref for key, one in node.items() if key != "schema" for ref in references(one)
            ]
        return [ref for one in node for ref in references(one)] if isinstance(node, list) else []

    found = references(document)
    assert found
    for reference in found:
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize("seed", range(40))
def test_every_event_fits_the_schema(seed: int) -> None:
    """Whatever happens to an object, each event on the way."""
    said = history_of("ref-1", Random(1000 + seed), 12)
    _, changes = arrive(said[0].kind, said)
    for event in events(changes):
        VALIDATOR.validate(as_sent(event))
        assert Event.model_validate(as_sent(event)) == event


def test_event_with_everything_fits() -> None:
    VALIDATOR.validate(as_sent(event_of(ONE, 3)))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("kind", "refund"), ("state", "returned"), ("state", "PAID"), ("amount", 47.5),
        ("amount", "4,7"), ("amount", "1E+3"), ("currency", 7), ("flags", ["odd"]),
        ("previous_state", "sent"), ("authority", "rumour"), ("livemode", "yes"),
        ("occurred_at", 1), ("more", 1),
    ],
)  # fmt: skip
def test_schema_refuses_what_is_wrong(where: str, value: object) -> None:
    sent = as_sent(event_of(ONE, 3))
    sent["data"][where] = value
    with pytest.raises(ValidationError):
        VALIDATOR.validate(sent)


@pytest.mark.parametrize(
    "name", ["id", "source", "type", "subject", "time", "partitionkey", "sequence", "data"]
)
def test_schema_misses_what_is_missing(name: str) -> None:
    sent = as_sent(event_of(ONE, 3))
    del sent[name]
    assert not VALIDATOR.is_valid(sent)


@pytest.mark.parametrize("name", sorted(EventData.model_fields))
def test_every_field_is_always_there(name: str) -> None:
    """Absent knowledge is null, so that a consumer may rely on each name."""
    sent = as_sent(event_of(ONE, 3))
    del sent["data"][name]
    assert not VALIDATOR.is_valid(sent)


def test_schema_knows_which_kind_has_which_state() -> None:
    sent = as_sent(event_of(ONE, 3))
    for kind in Kind:
        for state in State:
            sent["data"] |= {"kind": kind.value, "state": state.value, "previous_state": None}
            assert VALIDATOR.is_valid(sent) is (state in states_of(kind)), (kind, state)


def test_event_stays_as_it_is() -> None:
    """To the letter: consumers parse it, and the frozen example is what they were shown."""
    text = json.dumps(as_sent(event_of(ONE, 3)), indent=2, ensure_ascii=False) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8")


_REFS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(_REFS, _REFS, st.sampled_from(Kind), st.integers(1, 10**6))
def test_id_follows_from_object_and_sequence(source: str, ref: str, kind: Kind, seq: int) -> None:
    """Whatever else the event says; that makes a repeat the same event."""
    named = ONE.model_copy(update={"source": source, "provider_ref": ref, "kind": kind})
    other = named.model_copy(update={"state": State.PAID, "amount": None, "delivery_id": "x"})
    event = event_of(named, seq)
    assert event.id == event_of(other, seq).id
    assert event.id != event_of(named, seq + 1).id
    assert event.id != event_of(named.model_copy(update={"source": source + "2"}), seq).id
    assert event.id != event_of(named.model_copy(update={"provider_ref": ref + "0"}), seq).id
    assert (UUID(event.id).version, UUID(event.id).variant) == (5, RFC_4122)


def test_id_never_changes() -> None:
    """Consumers keep the ids that they have seen; a new release must not rename old events."""
    assert event_of(ONE, 3).id == json.loads(GOLDEN.read_text())["id"]


def test_cloudevents_rules_hold() -> None:
    """Required attributes, names and types: https://github.com/cloudevents/spec (1.0.2)."""
    _, changes = arrive(Kind.PAYMENT, [paid(at=1), refund(entry("1.00"), at=2)])
    for event in events(changes):
        sent = as_sent(event)
        attributes = {name: value for name, value in sent.items() if name != "data"}
        assert {"id", "source", "specversion", "type"} <= set(attributes)
        assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in attributes)
        assert sent["specversion"] == "1.0"
        assert all(
            isinstance(value, str) and value
            for name, value in attributes.items()
            if name != "sequence"
        )
        assert isinstance(sent["sequence"], int)
        assert 1 <= sent["sequence"] < 2**31
        assert re.fullmatch(r"/caudal/[^\s]+", sent["source"])
        assert re.fullmatch(r"caudal\.(payment|payout)\.[a-z_]+\.v1", sent["type"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", sent["time"])
        assert sent["datacontenttype"] == "application/json"
        assert sent["dataschema"].startswith("urn:")
        assert sent["partitionkey"] == "clip-mx/payment/ref-1"
        assert sent["subject"] == "payment/ref-1"
        assert isinstance(sent["data"], dict)


def test_routing_key_says_kind_state_provider() -> None:
    assert routing_key(ONE) == "payment.partially_refunded.clip"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("47.50", "47.50"), ("1E+3", "1000"), ("0E-10", "0.0000000000"), ("0", "0"),
        ("999999999999999.99", "999999999999999.99"), ("0.0001", "0.0001"), ("1E-7", "0.0000001"),
    ],
)  # fmt: skip
def test_amounts_are_written_out(amount: str, text: str) -> None:
    """Every digit, never an exponent, never a float."""
    sent = as_sent(event_of(ONE.model_copy(update={"amount": Decimal(amount)}), 1))
    assert sent["data"]["amount"] == text
    VALIDATOR.validate(sent)


def test_times_are_utc() -> None:
    said = replace(paid(at=1, amount=brl("1.00")), expires_at=minute(1))
    _, changes = arrive(Kind.PAYMENT, [said])
    [event] = events(changes)
    assert as_sent(event)["data"]["expires_at"] == "2026-03-02T12:01:00Z"
