"""What Clip's words mean. Resource first: REFUND APPROVED is no approved payment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Poke, Reading, Unknown, shown
from libs.domain.lifecycle import Flag, Kind, State
from libs.domain.observation import DisputeStatus, Extent, FacetStatus, Observation, Refund
from libs.providers.clip import parking
from libs.providers.clip.wire import CheckoutNotice, ShortNotice, uuid_of
from libs.providers.reading import Json, NotReadableError, read_json
from libs.providers.tolerance import key_part, read_partial, told

_TimeField = Literal["created_at", "declined_at", "completed_at", "cancelled_at", "expired_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a pair of resource and status says, and the field that holds its event time."""

    time: _TimeField
    state: State | None = None
    counts_attempt: bool = False
    refunded: bool = False
    dispute: DisputeStatus | None = None


# https://developer.clip.mx/reference/checkout-webhook
MEANINGS: Final[Mapping[tuple[str, str], Meaning]] = MappingProxyType(
    {
        ("CHECKOUT", "CREATED"): Meaning(state=State.CREATED, time="created_at"),
        # "after the first declined attempt"; a cash reference comes as PENDING too
        ("CHECKOUT", "PENDING"): Meaning(
            state=State.PENDING, counts_attempt=True, time="declined_at"
        ),
        ("CHECKOUT", "COMPLETED"): Meaning(state=State.PAID, time="completed_at"),
        # "after 5 unsuccessful payment attempts"
        ("CHECKOUT", "CANCELED"): Meaning(state=State.CANCELED, time="cancelled_at"),
        ("CHECKOUT", "EXPIRED"): Meaning(state=State.EXPIRED, time="expired_at"),
        # "when a customer disputes a charge": not a refund
        ("REFUND", "CREATED"): Meaning(dispute=DisputeStatus.OPEN, time="created_at"),
        ("REFUND", "APPROVED"): Meaning(refunded=True, time="completed_at"),
        ("REFUND", "DECLINED"): Meaning(dispute=DisputeStatus.WON, time="declined_at"),
    }
)

# The webhook's page writes CANCELED, Clip's API CHECKOUT_CANCELLED.
SPELLINGS: Final = MappingProxyType({"CANCELLED": "CANCELED"})

# https://developer.clip.mx/reference/webhookshxo
SHORT_ORIGIN: Final = "checkout-api"
_RESOURCES: Final = frozenset(resource for resource, _ in MEANINGS)


def translate(delivery: Delivery) -> tuple[Reading, ...]:
    """Tell the bodies apart and read the one that came; never none, never an exception."""
    try:
        document = read_json(delivery.body)
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    if not isinstance(document, dict):
        return (parking.foreign("JSON, but not an object"),)
    body = told(document)
    if "payment_request_code" in body:  # the old name of the same field
        body.setdefault("payment_request_id", body["payment_request_code"])
    if "resource" in body and "payment_request_id" in body:
        return (_full(body, delivery),)
    origin = body.get("origin")
    if isinstance(origin, str) and origin.strip() == SHORT_ORIGIN:
        return (_short(body),)
    return _neither(body)


def _full(body: Mapping[str, Json], delivery: Delivery) -> Reading:
    partial = read_partial(CheckoutNotice, body)
    notice = partial.value
    if notice is None:
        return parking.undecidable(body, partial.broken)
    resource = notice.resource.strip().upper()
    word = notice.resource_status.strip().upper()
    status = SPELLINGS.get(word, word)
    meaning = MEANINGS.get((resource, status))
    if meaning is None:
        return parking.unknown_pair(notice, known_resource=resource in _RESOURCES)
    key = _key(notice, resource, status)
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref=notice.payment_request_id,
        key=key,
        provider_status=f"{resource} {word}",
        state=meaning.state,
        refunds=(_refund(key),) if meaning.refunded else (),
        dispute=meaning.dispute,
        # with cash nothing was declined: a reference was issued
        attempt=meaning.counts_attempt and (notice.payment_type or "").upper() != "CASH",
        flags=frozenset({Flag.VERIFY}) if meaning.refunded else frozenset(),
        merchant_ref=notice.me_reference_id,
        method=notice.payment_type.lower() if notice.payment_type else None,
        expires_at=notice.expires_at,
        aliases=_aliases(notice),
        facts=_facts(notice, partial.broken),
        authority=delivery.authority,
        occurred_at=getattr(notice, meaning.time) or notice.sent_date,
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )


def _refund(key: str) -> Refund:
    """Clip tells neither the sum nor, for certain, an id of the refund: the notice names it."""
    return Refund(status=FacetStatus.SUCCEEDED, ledger_key=key, extent=Extent.UNTOLD)


def _key(notice: CheckoutNotice, resource: str, status: str) -> str:
    """Name the news: `id` is the same on each redelivery; without it the payment and its charge."""
    if notice.id:
        return f"{key_part(uuid_of(notice.id) or notice.id)}:{resource}:{status}"
    parts = [notice.payment_request_id, resource, status]
    charge = _aliases(notice)[:1]
    return ":".join([*parts, *(key_part(part) for part in charge)])


def _aliases(notice: CheckoutNotice) -> tuple[str, ...]:
    transaction = uuid_of(notice.transaction_id) or notice.transaction_id
    return tuple(name for name in (transaction, notice.receipt_no) if name)


def _facts(notice: CheckoutNotice, broken: tuple[str, ...]) -> dict[str, str]:
    facts = {"api_version": notice.api_version} if notice.api_version else {}
    return facts | ({"unreadable": ", ".join(broken)} if broken else {})


def _short(body: Mapping[str, Json]) -> Reading:
    notice = read_partial(ShortNotice, body).value
    if notice is None:
        return parking.bad_identity("id", body)
    why = f"short notice {shown(notice.event_type)}" if notice.event_type else "short notice"
    return Poke(kind=Kind.PAYMENT, provider_ref=notice.id, why=why)


def _neither(body: Mapping[str, Json]) -> tuple[Reading, ...]:
    """Park what is neither body; a payment that it names with a status is asked about."""
    parked = parking.neither(body)
    provider_ref = uuid_of(body.get("payment_request_id"))
    if provider_ref is None or parking.flat_status(body) is None:
        return (parked,)
    return (parked, Poke(kind=Kind.PAYMENT, provider_ref=provider_ref, why=parked.detail))
