"""What we did ourselves through the Payouts API, as deliveries of ours: bodies, and what they mean.

    route_event payout/created            {"paymentOrderId", "value", "currency", "description", "at"}
    route_event payout/cancel_requested   {"paymentOrderId", "at"}
    route_event payout/cancel_sent        {"paymentOrderId", "at"}

A cancel that was sent, and of which nobody knows whether PayU accepted it, moves no state. It counts as
evidence of a cancel where the payout is rejected later. Nothing personal is in them. `at` is when the call was sent: before the first notification, whichever
arrives first, so that a payout's `created` never hides what PayU said of it meanwhile.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.domain.lifecycle import Kind, State
from libs.domain.money import Money, MoneyError
from libs.domain.observation import CancelStatus, Observation
from libs.providers.payu.wire import identity
from libs.providers.reading import Json, NotReadableError, read_object

PREFIX: Final = "payout/"
CREATED: Final = "payout/created"
CANCEL_REQUESTED: Final = "payout/cancel_requested"
CANCEL_SENT: Final = "payout/cancel_sent"
CURRENCY: Final = "COP"
_REFERENCE_LIMIT: Final = 200
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def created_body(
    payment_order_id: str, value: Decimal, currency: str, description: str | None, at: datetime
) -> bytes:
    """Write what tells of a payout that PayU took."""
    told = {
        "paymentOrderId": payment_order_id,
        "value": format(value, "f"),
        "currency": currency,
        "description": description,
        "at": _written(at),
    }
    return _json(told)


def bare_body(payment_order_id: str, at: datetime) -> bytes:
    """Write what tells of a call and of nothing else: a cancel."""
    return _json({"paymentOrderId": payment_order_id, "at": _written(at)})


def payout_of(body: bytes) -> str | None:
    """Return the payout that a body of ours is about; None where it is none of ours."""
    try:
        return identity(read_object(body).get("paymentOrderId"))
    except (NotReadableError, ValueError):
        return None


def reference_of(description: object) -> str | None:
    """Return what travels as the merchant's reference, where it can be one."""
    if not isinstance(description, str):
        return None
    text = description.strip()
    return text if text.isprintable() and 0 < len(text) <= _REFERENCE_LIMIT else None


def moment_of(value: object) -> datetime | None:
    """Read a moment that we wrote."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last hours of the calendar
        return None


def amount_of(told: dict[str, Json]) -> Money | None:
    """Read `value` and `currency`; None where there is none, `MoneyError` where it cannot be one."""
    value, currency = told.get("value"), told.get("currency")
    if value is None:
        return None
    if not isinstance(value, str | int | Decimal):
        raise MoneyError("not a decimal number")
    if isinstance(currency, str) and not _CURRENCY.fullmatch(currency):
        raise MoneyError("not a currency code")
    return Money.of(value, currency if isinstance(currency, str) else CURRENCY)


def translate(delivery: Delivery) -> tuple[Reading, ...]:
    """Say what a call of ours means."""
    try:
        told = read_object(delivery.body)
        payout = identity(told.get("paymentOrderId"))
        amount = amount_of(told)
    except (NotReadableError, MoneyError, ValueError) as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    if payout is None:
        return (Unknown(reason=ParkReason.NO_IDENTITY, detail="no payout id"),)
    if delivery.route_event == CREATED:
        return (
            _said(
                delivery,
                payout,
                "create",
                State.CREATED,
                amount=amount,
                merchant_ref=reference_of(told.get("description")),
                occurred_at=moment_of(told.get("at")),
            ),
        )
    if delivery.route_event == CANCEL_REQUESTED:
        return (
            _said(
                delivery,
                payout,
                "cancel",
                State.CANCEL_REQUESTED,
                cancel=CancelStatus.REQUESTED,
                occurred_at=moment_of(told.get("at")),
            ),
        )
    if delivery.route_event == CANCEL_SENT:
        return (
            _said(
                delivery,
                payout,
                "cancel_sent",
                None,
                cancel=CancelStatus.REQUESTED,
                occurred_at=moment_of(told.get("at")),
            ),
        )
    return (Unknown(reason=ParkReason.FOREIGN_SHAPE, detail="no call that is known"),)


def _said(
    delivery: Delivery,
    payout: str,
    call: str,
    state: State | None,
    **more: Any,  # noqa: ANN401 - fields of the observation
) -> Observation:
    word = "cancel sent, no answer" if state is None else f"{call} accepted"
    return Observation(
        kind=Kind.PAYOUT,
        provider_ref=payout,
        key=f"{call}:{payout}",
        provider_status=word,
        state=state,
        authority=delivery.authority,
        received_at=delivery.received_at,
        delivery_id=delivery.id,
        **more,
    )


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _json(told: dict[str, str | None]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
