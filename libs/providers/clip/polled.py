"""What Clip's answers mean: the link's status and amount, and the refunds with their sums.

https://developer.clip.mx/reference (checkout v2, refunds). No time is told of a completed or a
cancelled link; the receipt of the answer stands in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown, shown
from libs.domain.lifecycle import Kind, State
from libs.domain.money import Money, MoneyError
from libs.domain.observation import DisputeStatus, FacetStatus, Observation, Refund
from libs.providers.asking import Route, route_of
from libs.providers.clip.wire import uuid_of
from libs.providers.reading import Json, NotReadableError, read_object
from libs.providers.tolerance import Instant, Reference, Word, blamed, key_part, read_partial, told

CURRENCY: Final = "MXN"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")

_TimeField = Literal["created_at", "expired_at"]

# The API writes CANCELLED, the webhook CANCELED.
STATUSES: Final[Mapping[str, tuple[State, _TimeField | None]]] = MappingProxyType(
    {
        "CHECKOUT_CREATED": (State.CREATED, "created_at"),
        "CHECKOUT_PENDING": (State.PENDING, None),
        "CHECKOUT_COMPLETED": (State.PAID, None),
        "CHECKOUT_CANCELLED": (State.CANCELED, None),
        "CHECKOUT_CANCELED": (State.CANCELED, None),
        "CHECKOUT_EXPIRED": (State.EXPIRED, "expired_at"),
    }
)
# A refund that is declined is what the webhook calls REFUND DECLINED: it also ends a dispute that was
# opened before.
REFUNDS: Final[Mapping[str, FacetStatus]] = MappingProxyType(
    {"APPROVED": FacetStatus.SUCCEEDED, "DECLINED": FacetStatus.DECLINED}
)


def _number(value: object) -> object:
    """Take numbers, exactly; not a truth, and not a text that looks like a number."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise ValueError("not a number")


_Amount = Annotated[Decimal, BeforeValidator(_number)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    status: str
    amount: _Amount | None = None
    currency: Word | None = None
    receipt_no: Word | None = None
    created_at: Instant | None = None


class Link(_Answer):
    """`GET /v2/checkout/{payment_request_id}`. The customer's part of `metadata` is not read."""

    payment_request_id: str | None = None
    expires_at: Instant | None = None
    expired_at: Instant | None = None


class RefundAnswer(_Answer):
    """`GET /refunds/{id}`."""

    id: str


class Metadata(BaseModel):
    """The merchant's part of `metadata`; older code has the webhook's name for it."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    reference: Reference | None = Field(
        default=None, validation_alias=AliasChoices("external_reference", "me_reference_id")
    )


class _Unclear(Exception):  # noqa: N818 - it is no error, but a reading
    def __init__(self, reading: Unknown) -> None:
        super().__init__(reading.detail)
        self.reading = reading


def translate(delivery: Delivery) -> tuple[Reading, ...]:
    """Read one answer; never none, never an exception."""
    try:
        body = told(read_object(delivery.body))
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    route = route_of(delivery)
    try:
        if route.call == "refund":
            return (_refund(body, route, delivery),)
        return (_link(body, route, delivery),)
    except _Unclear as unclear:
        return (unclear.reading,)


def _link(body: Mapping[str, Json], route: Route, delivery: Delivery) -> Observation:
    partial = read_partial(Link, body)
    link = partial.value
    if link is None:
        raise _malformed("status", body)
    word = link.status.strip().upper()
    if word not in STATUSES:
        raise _unknown("status", link.status)
    state, time = STATUSES[word]
    ref = _ref(route)
    if link.payment_request_id is not None and uuid_of(link.payment_request_id) != ref:
        raise _malformed("payment_request_id", body)
    money = _money(link, body, partial.broken)
    amount = "-" if money is None else str(money.amount)
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref=ref,
        key=f"poll:{ref}:{state}:{amount}:{key_part(link.receipt_no or '-')}",
        provider_status=word,
        state=state,
        amount=money,
        merchant_ref=_merchant_ref(body.get("metadata")),
        expires_at=link.expires_at,
        aliases=(link.receipt_no,) if link.receipt_no else (),
        facts={"unreadable": ", ".join(partial.broken)} if partial.broken else {},
        authority=delivery.authority,
        occurred_at=None if time is None else getattr(link, time),
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )


def _refund(body: Mapping[str, Json], route: Route, delivery: Delivery) -> Observation:
    partial = read_partial(RefundAnswer, body)
    refund = partial.value
    if refund is None:
        raise _malformed("id" if "id" in partial.broken or "id" not in body else "status", body)
    word = refund.status.strip().upper()
    if word not in REFUNDS:
        raise _unknown("status", refund.status)
    ref = _ref(route)
    money = _money(refund, body, partial.broken)
    name = key_part(uuid_of(refund.id) or refund.id.strip())
    declined = REFUNDS[word] is FacetStatus.DECLINED
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref=ref,
        key=f"poll:refund:{name}:{word}:{'-' if money is None else money.amount}",
        provider_status=f"refund {word.lower()}",
        refunds=(
            Refund(
                status=REFUNDS[word],
                ledger_key=f"refund:{name}",
                amount=None if money is None else money.amount,
            ),
        ),
        dispute=DisputeStatus.WON if declined else None,
        currency=None if money is None else money.currency,
        authority=delivery.authority,
        occurred_at=refund.created_at,
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )


def _money(answer: _Answer, body: Mapping[str, Json], broken: tuple[str, ...]) -> Money | None:
    """Read the sum in pesos; one that cannot be true parks the answer."""
    if "amount" in broken:
        raise _malformed("amount", body)
    if answer.amount is None:
        return None
    currency = (answer.currency or CURRENCY).upper()
    if not _CURRENCY.fullmatch(currency):
        raise _malformed("currency", body)
    try:
        return Money.of(answer.amount, currency)
    except MoneyError:
        raise _malformed("amount", body) from None


def _merchant_ref(metadata: Json) -> str | None:
    if not isinstance(metadata, dict):
        return None
    read = read_partial(Metadata, told(metadata)).value
    return read.reference if read else None


def _malformed(field: str, body: Mapping[str, Json]) -> _Unclear:
    value = blamed(body.get(field))
    detail = "not what the field holds" if field in body else "missing or blank"
    return _Unclear(Unknown(reason=ParkReason.MALFORMED, detail=detail, field=field, value=value))


def _unknown(field: str, word: str) -> _Unclear:
    detail = "no mapping for an answer's status"
    value = shown(word.strip())
    return _Unclear(
        Unknown(reason=ParkReason.UNKNOWN_VALUE, detail=detail, field=field, value=value)
    )


def _ref(route: Route) -> str:
    """Return whom the question named; an answer about somebody else is none."""
    ref = uuid_of(route.provider_ref)
    if ref is None:
        detail = "an answer to a question about no payment"
        raise _Unclear(Unknown(reason=ParkReason.NO_IDENTITY, detail=detail))
    return ref
