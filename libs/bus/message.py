"""A message as it came from a queue, without the means to acknowledge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiormq.abc import DeliveredMessage


@dataclass(frozen=True, slots=True)
class Message:
    """What a handler sees; that it returns or raises says what becomes of the message.

    `redelivered` is a hint that it was handed out before, never proof that it was not.
    `message_id` is new for every publish: it tells two copies apart, not two facts.
    """

    body: bytes
    headers: Mapping[str, Any]
    content_type: str
    routing_key: str
    redelivered: bool
    message_id: str


def read(delivered: DeliveredMessage) -> Message:
    """Take the message out of what the client library delivers."""
    properties = delivered.header.properties
    return Message(
        body=delivered.body,
        headers=properties.headers or {},
        content_type=properties.content_type or "",
        routing_key=delivered.routing_key or "",
        redelivered=bool(delivered.redelivered),
        message_id=properties.message_id or "",
    )
