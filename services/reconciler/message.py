"""An event as it is published."""

from __future__ import annotations

from collections.abc import Mapping

from libs.bus.publisher import Outgoing
from libs.bus.topology import EVENTS
from libs.contracts.event import CONTENT_TYPE
from libs.store.outbox import WaitingEvent


def message_of(event: WaitingEvent, headers: Mapping[str, str] | None = None) -> Outgoing:
    """Give an event as it is published."""
    return Outgoing(
        exchange=EVENTS,
        routing_key=event.routing_key,
        body=event.body,
        content_type=CONTENT_TYPE,
        headers=headers,
    )
