"""One event of Conectados into one reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Flag, Kind
from libs.domain.observation import Extent, FacetStatus, Observation, Refund
from libs.providers.conectados.amounts import AmountError, Amounts, read_amounts
from libs.providers.conectados.body import NotAnObjectError, read_body
from libs.providers.conectados.events import MEANINGS, canonical, contradicts
from libs.providers.conectados.wire import RetailEvent
from libs.providers.port import Terms
from libs.providers.reading import Json, NotReadableError
from libs.providers.tolerance import Partial, blamed, digest, key_part, read_partial, told

DEFAULT_CURRENCY: Final = "CLP"

# Broken, these park the event: who is meant, and how much money. The rest is left out and noted.
_DECISIVE: Final = ("event_type", "transaction_id", "aproved_details", "approved_details")
# Whose value is not shown where it was parked.
_SECRET: Final = frozenset({"approval_sale_code"})
_FACTS: Final = (
    "code",
    "state",
    "purchase_allowed",
    "otp_required",
    "otp_sent",
    "otp_valid_until",
    "approval_code_valid_until",
)


@unguarded
@dataclass(frozen=True, slots=True)
class _Event:
    """An event whose name and object are known. `name` is canonical, `identity` the best we have."""

    name: str
    identity: str
    wire: RetailEvent
    broken: tuple[str, ...]


def translate(delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
    """Read the one event of a delivery; never none, never an exception."""
    try:
        body = read_body(delivery.body)
    except NotAnObjectError as error:
        return (Unknown(reason=ParkReason.FOREIGN_SHAPE, detail=str(error)),)
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    fields = told(body.fields)
    if body.doubtful is not None:
        detail = "accents in a body that is not UTF-8"
        return (_parked(ParkReason.MALFORMED, detail, body.doubtful, fields),)
    event = _identified(read_partial(RetailEvent, fields), fields, terms.aliases)
    if isinstance(event, Unknown):
        return (event,)
    currency = terms.currency or DEFAULT_CURRENCY
    try:
        amounts = read_amounts(event.wire, currency, sale=MEANINGS[event.name].sale)
    except AmountError as error:
        return (_no_amount(error),)
    return (_observation(event, amounts, delivery),)


def _identified(
    partial: Partial[RetailEvent], fields: Mapping[str, Json], aliases: Mapping[str, str]
) -> _Event | Unknown:
    wire, broken = partial.value, partial.broken
    spoiled = next((name for name in _DECISIVE if name in broken), None)
    if spoiled is not None:
        return _parked(ParkReason.MALFORMED, "of the wrong type", spoiled, fields)
    if wire is None:
        return _parked(ParkReason.FOREIGN_SHAPE, "names no event", "event_type", fields)
    name = canonical(wire.event_type, aliases)
    if name is None:
        return _parked(ParkReason.UNKNOWN_VALUE, "no mapping, no alias", "event_type", fields)
    identity = wire.transaction_id or wire.external_reference
    if identity is not None:
        return _Event(name, identity, wire, broken)
    if "external_reference" in broken:
        return _parked(ParkReason.MALFORMED, "no reference", "external_reference", fields)
    return _parked(ParkReason.NO_IDENTITY, "names no sale", "transaction_id", fields)


def _observation(event: _Event, amounts: Amounts, delivery: Delivery) -> Observation:
    wire, meaning = event.wire, MEANINGS[event.name]
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref=wire.transaction_id,
        key=_key(event, delivery.body),
        provider_status=wire.event_type.strip(),
        state=meaning.state,
        refunds=(_void(event.identity),) if meaning.voids else (),
        attempt=meaning.counts_attempt,
        flags=frozenset(
            flag
            for flag, holds in (
                (Flag.VERIFY, contradicts(wire, meaning)),
                (Flag.AMOUNT_MISMATCH, amounts.contradicted),
            )
            if holds
        ),
        amount=amounts.total,
        merchant_ref=wire.external_reference,
        expires_at=wire.approval_code_valid_until or wire.otp_valid_until,
        facts=_facts(wire, event.broken),
        authority=delivery.authority,
        occurred_at=None,  # none is told: `…_valid_until` lie in the future
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )


def _key(event: _Event, body: bytes) -> str:
    """Name the news: Conectados has no event id.

    Two wrong passwords are two attempts, so `otp_invalid` is told apart by its bytes.
    """
    parts = [event.name, key_part(event.identity)]
    if event.wire.approval_sale_code is not None:
        parts.append(digest(event.wire.approval_sale_code))
    if MEANINGS[event.name].counts_attempt:
        parts.append(digest(body))
    return ":".join(parts)


def _void(identity: str) -> Refund:
    return Refund(
        status=FacetStatus.SUCCEEDED,
        ledger_key=f"{key_part(identity)}:void",
        extent=Extent.FULL,
        void=True,
    )


def _facts(wire: RetailEvent, broken: tuple[str, ...]) -> dict[str, str]:
    facts = {name: _text(value) for name in _FACTS if (value := getattr(wire, name)) is not None}
    return facts | ({"unreadable": ", ".join(broken)} if broken else {})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def _no_amount(error: AmountError) -> Unknown:
    return Unknown(
        reason=ParkReason.MALFORMED,
        field=error.field,
        value=blamed(error.value),
        detail=str(error),
    )


def _parked(reason: ParkReason, detail: str, field: str, fields: Mapping[str, Json]) -> Unknown:
    value = None if field in _SECRET else blamed(fields.get(field))
    return Unknown(reason=reason, detail=detail, field=field, value=value)
