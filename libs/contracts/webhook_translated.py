"""`webhook.translated`: for each delivery one outcome, what it turned out to say.

One message carries the outcomes of one `webhook.received` batch as JSON. An outcome holds the
whole delivery, its body too: who takes outcomes can put on file what the archive's own queue lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError, with_config

from libs.contracts import observation_json
from libs.contracts.delivery import Delivery, Origin
from libs.contracts.errors import ContractError
from libs.contracts.readings import Ignored, Poke, Reading, Unknown
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation

VERSION: Final = 1
CONTENT_TYPE: Final = "application/vnd.caudal.webhook-translated.v1+json"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    version: int
    outcomes: tuple[Translated, ...]


_MESSAGE: Final = TypeAdapter(_Message)
OBSERVATION: Final = observation_json.OBSERVATION


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
        headers=dict(delivery.headers),
        route_event=delivery.route_event,
        replay_of=delivery.replay_of,
    )


def encode(outcomes: tuple[Translated, ...]) -> bytes:
    """Give the bytes of one message."""
    message = _Message(version=VERSION, outcomes=outcomes)
    return _MESSAGE.dump_json(message, exclude_defaults=True)


def decode(raw: bytes) -> tuple[Translated, ...]:
    """Read one message; `ContractError` for what is not of this version."""
    try:
        message = _MESSAGE.validate_json(raw)
    except ValidationError as error:
        raise ContractError(f"not webhook.translated: {error.error_count()} errors") from None
    if message.version != VERSION:
        raise ContractError(f"webhook.translated version {message.version} is not known")
    return message.outcomes
