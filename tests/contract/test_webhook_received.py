"""A batch that was written reads back the same, and nothing else reads at all."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.delivery import Delivery, Origin
from libs.contracts.errors import ContractError
from libs.contracts.webhook_received import decode, encode
from libs.domain.lifecycle import Authority

_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_DELIVERIES = st.builds(
    Delivery,
    id=_TEXT,
    source=_TEXT,
    provider=_TEXT,
    body=st.binary(max_size=300) | st.just(b"\n\n\x00{}"),
    received_at=st.datetimes(timezones=st.just(UTC)),
    authority=st.sampled_from(Authority),
    content_type=_TEXT,
    headers=st.dictionaries(_TEXT, _TEXT, max_size=4).map(MappingProxyType),
    route_event=st.none() | _TEXT,
    origin=st.sampled_from(Origin),
    traceparent=st.none() | _TEXT,
)
ONE = Delivery(
    id="01900000-0000-7000-8000-000000000001",
    source="clip-mx",
    provider="clip",
    body=b'{"a": "\xc3\xa9"}',
    received_at=datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC),
    authority=Authority.SECRET,
    content_type="application/json; charset=utf-8",
    headers=MappingProxyType({"user-agent": "x"}),
    route_event="TRANSFER_UPDATE",
    traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)


@given(st.lists(_DELIVERIES, max_size=6))
def test_every_batch_reads_back(deliveries: list[Delivery]) -> None:
    assert decode(encode(deliveries)) == tuple(deliveries)


def test_the_wire_form_stays() -> None:
    """Messages of an older process lie in the queue while a newer one starts."""
    line, _, body = encode([ONE]).partition(b"\n")
    assert body == ONE.body
    assert orjson.loads(line) == {
        "version": 1,
        "deliveries": [
            {
                "id": "01900000-0000-7000-8000-000000000001",
                "source": "clip-mx",
                "provider": "clip",
                "received_at": "2026-01-15T12:00:00.123456+00:00",
                "authority": "secret",
                "content_type": "application/json; charset=utf-8",
                "headers": {"user-agent": "x"},
                "route_event": "TRANSFER_UPDATE",
                "origin": "webhook",
                "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
                "size": 11,
                "sha256": ONE.sha256,
            }
        ],
    }


def test_other_zones_become_utc() -> None:
    local = ONE.received_at.astimezone(timezone(timedelta(hours=-3)))
    (read,) = decode(encode([dataclasses.replace(ONE, received_at=local)]))
    assert read.received_at.isoformat() == "2026-01-15T12:00:00.123456+00:00"


def test_unknown_metadata_is_passed_over() -> None:
    """A later version may tell more; only a change of meaning takes another version number."""
    line, _, body = encode([ONE]).partition(b"\n")
    head = orjson.loads(line)
    head["deliveries"][0]["shoe_size"] = 43
    assert decode(orjson.dumps(head) + b"\n" + body) == (ONE,)


@given(st.binary(max_size=200))
def test_strange_bytes_are_refused(message: bytes) -> None:
    with pytest.raises(ContractError):
        decode(message)


@given(st.data())
def test_every_truncation_is_refused(data: st.DataObject) -> None:
    message = encode([ONE, ONE])
    cut = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(ContractError):
        decode(message[:cut])


def test_bytes_at_the_end_are_refused() -> None:
    with pytest.raises(ContractError, match="more bytes"):
        decode(encode([ONE]) + b"x")


def test_a_changed_body_is_refused() -> None:
    message = encode([ONE]).replace(b'"a"', b'"b"')
    with pytest.raises(ContractError, match="SHA-256"):
        decode(message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authority", "pope"),
        ("origin", "sky"),
        ("received_at", "yesterday"),
        ("received_at", "2026-01-15T12:00:00"),
        ("received_at", 5),
        ("id", None),
        ("size", -1),
        ("size", True),
        ("size", "11"),
        ("sha256", "0"),
        ("headers", []),
        ("headers", {"a": 1}),
        ("traceparent", 1),
    ],
)
def test_wrong_metadata_is_refused(name: str, value: object) -> None:
    line, _, body = encode([ONE]).partition(b"\n")
    head = orjson.loads(line)
    head["deliveries"][0][name] = value
    with pytest.raises(ContractError):
        decode(orjson.dumps(head) + b"\n" + body)


@pytest.mark.parametrize(
    "line", [b"[]", b"{}", b'{"version":2,"deliveries":[]}', b'{"version":true,"deliveries":[]}',
             b'{"version":1}', b'{"version":1,"deliveries":[1]}'],
)  # fmt: skip
def test_wrong_head_is_refused(line: bytes) -> None:
    with pytest.raises(ContractError):
        decode(line + b"\n")


def test_naive_time_is_not_written() -> None:
    naive = ONE.received_at.replace(tzinfo=None)
    with pytest.raises(ContractError, match="time zone"):
        encode([dataclasses.replace(ONE, received_at=naive)])


def test_lone_surrogate_is_not_written() -> None:
    with pytest.raises(ContractError, match="JSON"):
        encode([dataclasses.replace(ONE, content_type="\ud800")])
