"""Deliveries of our own, and how they enter: through the front door, like everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import uuid_utils

from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.store.database import Pool
from libs.store.to_be_told import CONTENT_TYPE, note_told, still_to_be_told

PORTION: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """How many were told, and whether that was all."""

    count: int
    all: bool


def own_delivery(
    source: str, provider: str, route_event: str, body: bytes, now: datetime
) -> Delivery:
    """Make a delivery that tells of a call of ours."""
    return _delivery(source, provider, route_event, body, now, Origin.OPERATOR, Authority.OPERATOR)


def report_delivery(
    source: str, provider: str, route_event: str, body: bytes, now: datetime
) -> Delivery:
    """Make a delivery of one row of a report."""
    return _delivery(source, provider, route_event, body, now, Origin.REPORT, Authority.REPORT)


async def tell(pool: Pool, publisher: Publishing) -> Told:
    """Bring in what is to be told, oldest first, until the broker takes no more.

    Two who do so at once tell some of it twice, which adds nothing.
    """
    count = 0
    while deliveries := await still_to_be_told(pool, PORTION):
        outcome = await deliver(publisher, webhook_received.encode(deliveries))
        if outcome is not Outcome.CONFIRMED:
            return Told(count, all=False)
        await note_told(pool, [each.id for each in deliveries])
        count += len(deliveries)
    return Told(count, all=True)


def _delivery(  # noqa: PLR0913, PLR0917 - the columns of an envelope
    source: str,
    provider: str,
    route_event: str,
    body: bytes,
    now: datetime,
    origin: Origin,
    authority: Authority,
) -> Delivery:
    return Delivery(
        id=str(uuid_utils.uuid7()),
        source=source,
        provider=provider,
        body=body,
        received_at=now,
        authority=authority,
        content_type=CONTENT_TYPE,
        route_event=route_event,
        origin=origin,
    )
