"""Outcomes as the normalizer hands them on: `told(3, paid(at=1))` is what delivery 3 says.

A delivery's number is its place in the order of receipt: it gives the delivery's id and the minute
in which it was received.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from libs.contracts.delivery import Origin
from libs.contracts.readings import Reading, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from tests.unit.domain.saying import minute

SOURCE = "clip-mx"
FIRST_RECEIPT = 1000  # minutes; everything said here happened before


def delivery_id(number: int) -> str:
    """Make a UUIDv7 by its form, in order of its number."""
    return str(UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + number))


def received(number: int) -> datetime:
    return minute(FIRST_RECEIPT + number)


def told(
    number: int, *readings: Reading, source: str = SOURCE, provider: str = "clip"
) -> Translated:
    """Say what delivery `number` turned out to say."""
    said = tuple(_stamped(reading, number) for reading in readings)
    return Translated(
        delivery_id=delivery_id(number),
        source=source,
        provider=provider,
        origin=Origin.WEBHOOK,
        authority=Authority.SECRET,
        received_at=received(number),
        identity=hashlib.sha256(repr(_names(readings)).encode("utf-8", "replace")).hexdigest(),
        readings=said,
        body=b"{}" if any(isinstance(reading, Unknown) for reading in readings) else None,
    )


def about(ref: str | None, said: Observation, merchant_ref: str | None = None) -> Observation:
    """Say it about another object."""
    return replace(said, provider_ref=ref, merchant_ref=merchant_ref or said.merchant_ref)


def _stamped(reading: Reading, number: int) -> Reading:
    if not isinstance(reading, Observation):
        return reading
    return replace(reading, delivery_id=delivery_id(number), received_at=received(number))


def _names(readings: Iterable[Reading]) -> list[str]:
    return [
        f"{reading.kind}/{reading.provider_ref}/{reading.key}"
        if isinstance(reading, Observation)
        else repr(reading)
        for reading in readings
    ]
