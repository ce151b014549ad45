"""Deliveries of our own: what they say of where they come from."""

from __future__ import annotations

from datetime import datetime

import uuid_utils

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.store.to_be_told import CONTENT_TYPE


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
