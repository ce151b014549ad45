"""Clip's API: a payment link, and what went back of it.

https://developer.clip.mx/reference (checkout v2, refunds): HTTP Basic with `api_key:secret_key`, 401
(011) for wrong ones, 412 (031) as the limit of the rate, amounts in pesos. That a customer disputes
a charge is told by a webhook alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from services.sandbox.apis.answers import Answer
from services.sandbox.world import Standing, World
from services.simulator.bodies import plain, utc
from services.simulator.providers.clip import (
    CANCELED,
    COMPLETED,
    CREATED,
    EXPIRED,
    KEPT,
    PENDING,
    REFUNDED,
    STEP,
)

Asking = Callable[[World, str], Answer]
SLUG: Final = "clip"
RATE_LIMITED: Final = Answer({"code": "031", "message": "Too many requests"}, 412)
UNAUTHORIZED: Final = Answer({"code": "011", "message": "Unauthorized"}, 401)
BROKEN: Final = Answer({"code": "101", "message": "Internal server error"}, 500)
NOT_FOUND: Final = Answer(
    {"code": "payclip.not.found", "message": "The resource was not found"}, 404
)

# The webhook writes CANCELED, the API CHECKOUT_CANCELLED.
_STATUS: Final = {
    CREATED: "CHECKOUT_CREATED",
    PENDING: "CHECKOUT_PENDING",
    COMPLETED: "CHECKOUT_COMPLETED",
    CANCELED: "CHECKOUT_CANCELLED",
    EXPIRED: "CHECKOUT_EXPIRED",
}


def credentials(authorization: str) -> dict[str, str]:
    """Read `Authorization: Basic …`; nothing for anything else."""
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(told.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return {}
    return {"api_key": name, "secret_key": secret}


def checkout(world: World, payment_request_id: str) -> Answer:
    """`GET /v2/checkout/{payment_request_id}`."""
    standing = world.named(SLUG, payment_request_id.lower())
    return NOT_FOUND if standing is None else Answer(_link(standing))


def refund(world: World, refund_id: str) -> Answer:
    """`GET /refunds/{id}`: by the refund's id, the charge's, its receipt or the payment's.

    Which of them Clip takes for a refund that it or the bank began is not documented.
    """
    found = world.named(SLUG, refund_id.lower()) or next(
        iter(world.referenced(SLUG, refund_id)), None
    )
    if found is None or not {REFUNDED, KEPT} & set(found.steps):
        return NOT_FOUND
    return Answer(_refund(found))


def other_names(standing: Standing) -> tuple[str, ...]:
    """Return the names under which a refund of it is found."""
    names = standing.known.names
    return names.uuid("refund"), names.uuid("transaction"), names.word("receipt", 7)


def _link(standing: Standing) -> dict[str, Any]:
    known = standing.known
    last = next(step for step in reversed(standing.steps) if step in _STATUS)
    told: dict[str, Any] = {
        "object_type": "payment_link",
        "payment_request_id": standing.ref,
        "status": _STATUS[last],
        "amount": known.amount,
        "currency": "MXN",
        "metadata": {"external_reference": known.names.reference, "customer_info": None},
        "payment_request_url": f"https://pago.clip.mx/{standing.ref}",
        "created_at": utc(known.born, "milliseconds"),
        "expires_at": utc(known.born + timedelta(days=3), "milliseconds"),
        "expired_at": _when(standing, EXPIRED) if last == EXPIRED else None,
        "last_status_message": last.partition(" ")[2].capitalize(),
    }
    if last == COMPLETED:
        told["receipt_no"] = known.names.word("receipt", 7)
    return told


def _refund(standing: Standing) -> dict[str, Any]:
    known = standing.known
    approved = REFUNDED in standing.steps
    step = REFUNDED if approved else KEPT
    back = known.parts.get(known.path.steps.index(step), known.amount)
    return {
        "id": known.names.uuid("refund"),
        "status": "approved" if approved else "declined",
        "status_message": "Refund approved" if approved else "Refund declined",
        "amount": plain(back),
        "currency": "MXN",
        "receipt_no": known.names.word("receipt", 7),
        "created_at": _when(standing, step),
        "reference": {"type": "payment", "id": known.names.uuid("transaction")},
        "reason": "Requested by customer",
    }


def _when(standing: Standing, step: str) -> str:
    known = standing.known
    return utc(known.born + known.path.steps.index(step) * STEP, "milliseconds")
