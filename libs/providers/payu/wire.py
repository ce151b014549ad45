"""PayU's notification as PayU writes it: JSON, or a form in which every value is text.

Only what Caudal reads is named; the payee's name, document and bank account are personal data and
never leave the raw body. A field that must be right to be used is strict (`MalformedError`); one
that is only worth showing is left out when it cannot be read, and its name is noted.

Source: https://developers.payulatam.com/latam/es/docs/services/payouts.html (variables in the
notification).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from libs.domain.frozen import unguarded
from libs.providers.fields import Fields, UnreadableError
from libs.providers.reading import Json

_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IDENTITY_LIMIT: Final = 100


def text_of(value: object) -> str | None:
    """Give text, or a number as text; None for nothing; `UnreadableError` for anything else."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnreadableError("neither text nor a number")
    whole = isinstance(value, Decimal) and value.adjusted() < 20 and value == value.to_integral()
    return str(int(value)) if whole else str(value)


def identity(value: object) -> str | None:
    text = text_of(value)
    if text is None:
        return None
    if len(text) > _IDENTITY_LIMIT or not text.isprintable():
        raise UnreadableError("too long, or not printable")
    return text.lower() if _UUID.fullmatch(text) else text


def _number(value: object) -> Decimal | None:
    if isinstance(value, str):
        text = value.strip()
        if text and not _NUMBER.fullmatch(text):
            raise UnreadableError("not a decimal number")
        return Decimal(text) if text else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal | None):
        raise UnreadableError("not a number")
    return Decimal(value) if isinstance(value, int) else value


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One notification. `state` is the payout's, `status` its payment order's.

    The two are read one by one (`mapping`), since one of them may be news while the other is not
    understood. `creation_date` and `date_of_the_next_validation` are epoch milliseconds as text.
    """

    push_payment_id: str | None
    payment_order_id: str | None
    state: Json
    status: Json
    value: Decimal | None
    currency: str | None
    creation_date: str | None
    date_of_the_next_validation: str | None
    error_code: str | None
    validation_state: str | None


def notification_of(body: Mapping[str, Json], noted: list[str]) -> Notification:
    """Read a notification, or raise `MalformedError`."""
    fields = Fields(body, noted)
    strict, loose = fields.strict, fields.loose
    return Notification(
        push_payment_id=strict("pushPaymentId", identity),
        payment_order_id=loose("paymentOrderId", identity),
        state=body.get("state"),
        status=body.get("status"),
        value=strict("value", _number),
        currency=strict("currency", text_of),
        creation_date=loose("creationDate", text_of),
        date_of_the_next_validation=loose("dateOfTheNextValidation", text_of),
        error_code=loose("errorCode", text_of),
        validation_state=loose("validationState", text_of),
    )
