"""Notices to vary, and how they are posted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading, Unknown
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers.mobbex import PROVIDER
from libs.providers.port import Terms

RECEIVED_AT = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)


def notice(type_: str = "checkout", code: object = "200", **payment: object) -> dict[str, Any]:
    """Build a small notice; `payment` adds to or replaces fields of `data.payment`."""
    return {
        "type": type_,
        "data": {
            "payment": {
                "id": "5dyoqM7kH",
                "status": {"code": code},
                "total": 6705,
                "currency": {"code": "ARS"},
                "updated": "2025-11-03T14:21:40.318Z",
                "reference": "0001",
                **payment,
            },
            "checkout": {"uid": "KXW4IGZ3QTC7D9NE"},
        },
    }


def delivered(body: bytes, content_type: str = "", origin: str = "secret") -> Delivery:
    return Delivery(
        id="01900000-0000-7000-8000-000000000001",
        source="mobbex",
        provider="mobbex",
        body=body,
        received_at=RECEIVED_AT,
        authority=Authority(origin),
        content_type=content_type,
    )


def translated(body: object, content_type: str = "", terms: Terms | None = None) -> Reading:
    """Translate bytes, or a value as JSON, into the one reading that it gives."""
    raw = body if isinstance(body, bytes) else as_json(body)
    readings = PROVIDER.translate(delivered(raw, content_type), terms or Terms())
    assert len(readings) == 1
    return readings[0]


def observed(body: object, terms: Terms | None = None) -> Observation:
    reading = translated(body, terms=terms)
    assert isinstance(reading, Observation)
    return reading


def parked(body: object) -> Unknown:
    reading = translated(body)
    assert isinstance(reading, Unknown)
    return reading


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def as_form(value: object) -> bytes:
    """Write a notice with bracket keys, as PHP's `http_build_query` does, booleans in words."""
    return urlencode(list(_pairs(value, ""))).encode()


def _pairs(value: object, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in items:
            yield from _pairs(child, f"{prefix}[{key}]" if prefix else str(key))
    elif value is not None:
        yield prefix, str(value).lower() if isinstance(value, bool) else str(value)
