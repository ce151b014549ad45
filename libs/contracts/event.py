"""The public contract: one CloudEvents 1.0 JSON message for each change of an object.

Published on exchange `caudal.events` under `<kind>.<state>.<provider>`. Within one object the
`sequence` runs 1, 2, 3, … without a gap, and `id` is derived from (object, sequence): the same
event, published twice, is the same event.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha1
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from libs.domain.lifecycle import Authority, Flag, Kind, State, states_of

EXCHANGE: Final = "caudal.events"
QUEUE: Final = "caudal.events.all"
CONTENT_TYPE: Final = "application/cloudevents+json"
DATA_SCHEMA: Final = "urn:caudal:schema:event-data:v1"
_NAMESPACE: Final = uuid.UUID("7b9a3c1e-5d42-5f0e-9c1b-ca0da1000001")


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC: `2026-01-15T12:00:00Z`, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def amount_text(amount: Decimal) -> str:
    """Every digit and no exponent: `47.50`, `1000`, `0.0000000`."""
    return format(amount, "f")


Amount = Annotated[
    Decimal,
    PlainSerializer(amount_text, return_type=str),
    Field(json_schema_extra={"type": "string", "pattern": r"^\d+(\.\d+)?$", "examples": ["47.50"]}),
]
Moment = Annotated[
    datetime,
    PlainSerializer(timestamp, return_type=str),
    Field(json_schema_extra={"type": "string", "format": "date-time"}),
]


def _states_by_kind(schema: dict[str, Any]) -> None:
    """Say in the schema which kind has which states."""
    schema["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind.value}}},
            "then": {
                "properties": {
                    "state": {"enum": [state.value for state in states_of(kind)]},
                    "previous_state": {"enum": [*(s.value for s in states_of(kind)), None]},
                }
            },
        }
        for kind in Kind
    ]


class EventData(BaseModel):
    """What is known of the object after this change. Absent knowledge is null, never guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_states_by_kind)

    source: str = Field(description="The configured endpoint of one merchant account.")
    provider: str = Field(description="The provider's slug, such as clip.")
    kind: Kind
    provider_ref: str = Field(description="The provider's own identifier of the object.")
    merchant_ref: str | None = Field(
        description="The merchant's reference, as the provider has it."
    )
    state: State
    previous_state: State | None = Field(description="Null in the first event of the object.")
    provider_status: str = Field(description="The provider's own word for what decided the state.")
    amount: Amount | None = Field(description="Major units, exact; null where nobody told it.")
    currency: str | None = Field(description="ISO 4217, or TEST for a provider's test money.")
    refunded_amount: Amount | None = Field(
        description="Sum of the refunds; null where money went back whose sum nobody told."
    )
    fees: Amount | None
    net: Amount | None
    flags: tuple[Flag, ...] = Field(description="In alphabetical order.")
    livemode: bool = Field(description="False for money of a provider's test mode.")
    occurred_at: Moment = Field(
        description="The provider's time of what decided; the time of receipt where it told none."
    )
    received_at: Moment
    authority: Authority = Field(description="Who said what decided the state.")
    delivery_id: str = Field(description="The delivery that decided the state, a UUIDv7.")
    method: str | None
    failure_reason: str | None
    expires_at: Moment | None


class Event(BaseModel):
    """A CloudEvents 1.0 envelope around the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(description="UUIDv5 of (object, sequence).")
    source: str = Field(description="/caudal/<source>")
    type: str = Field(description="caudal.<kind>.<state>.v1")
    subject: str = Field(description="<kind>/<provider_ref>")
    time: Moment
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Literal["urn:caudal:schema:event-data:v1"] = DATA_SCHEMA
    partitionkey: str = Field(description="<source>/<kind>/<provider_ref>: one object, one key.")
    sequence: int = Field(ge=1, description="1, 2, 3, … within the object, without a gap.")
    data: EventData


def event_id(key: str, sequence: int) -> str:
    """Return `str(uuid5(…))` of (object, sequence), without a `UUID` on the way: 4 µs → 1."""
    digest = sha1(
        _NAMESPACE.bytes + f"{key}#{sequence}".encode(), usedforsecurity=False
    ).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def event_of(data: EventData, sequence: int) -> Event:
    """Wrap the state of an object after its `sequence`-th change."""
    key = f"{data.source}/{data.kind}/{data.provider_ref}"
    return Event(
        id=event_id(key, sequence),
        source=f"/caudal/{data.source}",
        type=f"caudal.{data.kind}.{data.state}.v1",
        subject=f"{data.kind}/{data.provider_ref}",
        time=data.occurred_at,
        partitionkey=key,
        sequence=sequence,
        data=data,
    )


def routing_key(data: EventData) -> str:
    """`payment.paid.clip`."""
    return f"{data.kind}.{data.state}.{data.provider}"
