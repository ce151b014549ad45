"""What travels between our processes has a version, and its fields are frozen with it.

A release reads what the one before it wrote, and the other way round while both run. A field that the older one
may pass over is added to the list below with the same version: it has to be right without it. Whatever
changes what a message means takes another version, which the older one buries (`caudal dead`) and
never misreads. deploy/upgrades.md has the order.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest

from libs.contracts import notice, webhook_received, webhook_translated
from libs.contracts.errors import ContractError
from libs.contracts.readings import Ignored, Poke, Unknown
from libs.domain.observation import Observation, Refund
from tests.contract.test_notice import NOTICE
from tests.contract.test_webhook_received import ONE
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import told

WEBHOOK_RECEIVED_1 = {
    "id", "source", "provider", "received_at", "authority", "content_type", "headers", "route_event",
    "origin", "traceparent", "size", "sha256", "replay_of",
}  # fmt: skip
WEBHOOK_TRANSLATED_2 = {
    "delivery_id", "source", "provider", "origin", "authority", "received_at", "identity", "readings",
    "size", "traceparent", "content_type", "headers", "route_event", "replay_of",
}  # fmt: skip
READINGS_2 = {
    Observation: {
        "kind", "provider_ref", "key", "provider_status", "state", "refunds", "dispute", "cancel",
        "attempt", "settlement_step", "flags", "supersedes", "amount", "currency", "fees", "net",
        "merchant_ref", "method", "failure_reason", "expires_at", "aliases", "facts", "authority",
        "occurred_at", "received_at", "delivery_id",
    },
    Refund: {"status", "ledger_key", "amount", "extent", "void", "answers_dispute"},
    Unknown: {"reason", "detail", "field", "value", "attempts"},
    Poke: {"kind", "provider_ref", "why"},
    Ignored: {"provider_status", "why"},
}  # fmt: skip
NOTICE_1 = {"version", "id", "at", "not_let_in", "lost"}

RECEIVED = webhook_received.encode([dataclasses.replace(ONE, replay_of=ONE.id)])
TRANSLATED = webhook_translated.encode((told(1, paid(at=1)),))
NOTICED = notice.encode(NOTICE)
DECODE = {
    "received": (webhook_received.decode, RECEIVED),
    "translated": (webhook_translated.decode, TRANSLATED),
    "noticed": (notice.decode, NOTICED),
}


def line_of(message: bytes) -> dict[str, Any]:
    head: dict[str, Any] = orjson.loads(message.partition(b"\n")[0])
    return head


def test_fields_are_those_of_their_version() -> None:
    received, translated = line_of(RECEIVED), line_of(TRANSLATED)
    assert (received["version"], translated["version"]) == (1, 2)
    assert received["deliveries"][0].keys() == WEBHOOK_RECEIVED_1
    assert translated["outcomes"][0].keys() == WEBHOOK_TRANSLATED_2
    assert line_of(NOTICED)["version"] == 1
    assert line_of(NOTICED).keys() == NOTICE_1


@pytest.mark.parametrize("reading", READINGS_2, ids=lambda one: one.__name__)
def test_readings_are_those_of_version_2(reading: type) -> None:
    assert {each.name for each in dataclasses.fields(reading)} == READINGS_2[reading]


@pytest.mark.parametrize("name", DECODE)
@pytest.mark.parametrize("version", [3, 9, 4711])
@pytest.mark.parametrize("rest", [None, b"", b"\x00\xff", b"\n{}"])
def test_a_later_version_is_told_as_such(name: str, version: int, rest: bytes | None) -> None:
    """Whatever its form is: only its first word is relied on."""
    decode, message = DECODE[name]
    told_now = line_of(message)["version"]
    later = message.replace(b'"version":%d' % told_now, b'"version":%d' % version, 1)
    if rest is not None:
        later = b'{"version":%d,' % version + rest
    with pytest.raises(ContractError, match=f"version {version} is not known to this release"):
        decode(later)


@pytest.mark.parametrize("name", DECODE)
def test_what_is_no_version_is_not_told_as_one(name: str) -> None:
    decode, _ = DECODE[name]
    for garbage in (b"", b"\xff", b"{}", b'{"version":"9"}', b'{"version":9999999}', b"[9]"):
        with pytest.raises(ContractError) as refusal:
            decode(garbage)
        assert "is not known to this release" not in str(refusal.value)
