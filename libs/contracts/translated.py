"""What one delivery turned out to say, together with the delivery itself (`webhook.translated`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Discriminator, Tag, with_config

from libs.contracts.delivery import Delivery, Origin
from libs.contracts.readings import Ignored, Poke, Reading, Unknown
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation


def _tag(value: object) -> str:
    if isinstance(value, dict):
        return next((name for name, mark in _MARKS.items() if mark in value), "?")
    return type(value).__name__


# Each kind of reading has a field that no other has.
_MARKS: Final = {
    "Observation": "key",
    "Unknown": "reason",
    "Poke": "provider_ref",
    "Ignored": "why",
}
_Tagged = Annotated[
    Annotated[Observation, Tag("Observation")]
    | Annotated[Unknown, Tag("Unknown")]
    | Annotated[Poke, Tag("Poke")]
    | Annotated[Ignored, Tag("Ignored")],
    Discriminator(_tag),
]


_BYTES: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


@unguarded
@with_config(_BYTES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """The outcome of one delivery.

    `identity` names the delivery the same however often it is repeated; a replay has one of its
    own. `body` is None only in messages of an older process.
    """

    delivery_id: str
    source: str
    provider: str
    origin: Origin
    authority: Authority
    received_at: datetime
    identity: str
    readings: tuple[_Tagged, ...]
    traceparent: str | None = None
    body: bytes | None = None
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    route_event: str | None = None
    replay_of: str | None = None

    @property
    def delivery(self) -> Delivery | None:
        """Return the delivery as it was received; None where its body did not come along."""
        if self.body is None:
            return None
        return Delivery(
            id=self.delivery_id,
            source=self.source,
            provider=self.provider,
            body=self.body,
            received_at=self.received_at,
            authority=self.authority,
            content_type=self.content_type,
            headers=self.headers,
            route_event=self.route_event,
            origin=self.origin,
            traceparent=self.traceparent,
            replay_of=self.replay_of,
        )

    @property
    def evidence(self) -> str:
        """The id under which observations and parked readings stand, see `Delivery.evidence`."""
        return self.replay_of or self.delivery_id


def of(delivery: Delivery, identity: str, readings: tuple[Reading, ...]) -> Translated:
    """Pair a delivery with what it says."""
    return Translated(
        delivery_id=delivery.id,
        source=delivery.source,
        provider=delivery.provider,
        origin=delivery.origin,
        authority=delivery.authority,
        received_at=delivery.received_at,
        identity=identity,
        readings=readings,
        traceparent=delivery.traceparent,
        body=delivery.body,
        content_type=delivery.content_type,
        headers=delivery.headers,
        route_event=delivery.route_event,
        replay_of=delivery.replay_of,
    )
