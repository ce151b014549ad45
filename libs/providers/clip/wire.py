"""Clip's two bodies in Clip's words.

Full body: https://developer.clip.mx/reference/checkout-webhook
Short body: https://developer.clip.mx/reference/webhookshxo

Neither carries an amount. Not read at all: `barcode` and `customer_email` (personal data),
`detail_type` (free text that contradicts the status in practice), `attempts` (deliveries of the
notice, not attempts to pay; it changes with each redelivery).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from libs.providers.tolerance import Instant, Reference, Word

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid_of(value: object) -> str | None:
    """Return a UUID in lower case, or None for anything else."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if _UUID.fullmatch(text) else None


def _uuid(value: str) -> str:
    found = uuid_of(value)
    if found is None:
        raise ValueError("not a UUID")
    return found


class CheckoutNotice(BaseModel):
    """The full body. `id` names the notification, `payment_request_id` the payment."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    payment_request_id: Annotated[str, AfterValidator(_uuid)]
    resource: str
    resource_status: str
    id: Reference | None = None
    api_version: Word | None = None
    transaction_id: Word | None = None
    receipt_no: Word | None = None
    me_reference_id: Reference | None = None
    payment_type: Word | None = None
    sent_date: Instant | None = None
    created_at: Instant | None = None
    completed_at: Instant | None = None
    # Older editions of the page spell it with one L.
    cancelled_at: Instant | None = Field(
        default=None, validation_alias=AliasChoices("cancelled_at", "canceled_at")
    )
    declined_at: Instant | None = None
    expires_at: Instant | None = None  # when it is going to
    expired_at: Instant | None = None  # when it really did


class ShortNotice(BaseModel):
    """The short body: here `id` is the payment. Any further field in it is not Clip's."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    id: Annotated[str, AfterValidator(_uuid)]
    origin: Word
    event_type: Word | None = None
