"""Safe2Pay's transaction notice as Safe2Pay writes it: one shape for every payment method.

Only what Caudal reads is named; `SecretKey` and the names and tax numbers in the descriptions of
`CheckingAccounts` and `Splits` never leave the raw body. A field that must be right to be used is
strict (`MalformedError`); one that is only worth showing is left out when it cannot be read, and
its name is noted.

Source: https://developers.safe2pay.com.br/reference/callback-transacional and
https://docs.safe2pay.dev/docs/ordem-pagamento-webhook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from libs.domain.frozen import unguarded
from libs.providers.fields import Fields, UnreadableError
from libs.providers.reading import Json

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,10})?")
_BIGGEST: Final = 15  # digits before the point
_FINEST: Final = -10  # the exponent of the last decimal place
_TEXT_LIMIT: Final = 255
_WHOLE_LIMIT: Final = 10**18


def whole_of(value: object) -> int | None:
    """Give an integer, or digits as one; None for nothing; else `UnreadableError`."""
    if isinstance(value, str):
        text = value.strip()
        if text and not _WHOLE.fullmatch(text):
            raise UnreadableError("not a whole number")
        return int(text) if text else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE_LIMIT:
        return value
    number = number_of(value)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise UnreadableError("not a whole number")
    return int(number)


def number_of(value: object) -> Decimal | None:
    """Give a number of a size that money can have, exactly; None for nothing."""
    if isinstance(value, str):
        text = value.strip()
        if text and not _NUMBER.fullmatch(text):
            raise UnreadableError("not a decimal number")
        value = Decimal(text) if text else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnreadableError("not a number")
    number = Decimal(value)
    last_place = number.as_tuple().exponent
    if not isinstance(last_place, int) or not _FINEST <= last_place <= _BIGGEST:
        raise UnreadableError("not a number of this size")
    if number and number.adjusted() >= 18:
        raise UnreadableError("not a number of this size")
    return number


def text_of(value: object) -> str | None:
    """Give text, or a whole number as text; None for nothing."""
    if value is None or isinstance(value, str):
        text = (value or "").strip()
        if len(text) > _TEXT_LIMIT:
            raise UnreadableError("too long")
        return text or None
    return str(whole_of(value))


def moment_of(value: object) -> datetime | None:
    """Give a date with its time, naive as it comes; None for nothing and for the year 1."""
    if value is None or value == "":
        return None
    text = value.strip().upper() if isinstance(value, str) else ""
    if "T" not in text and " " not in text:
        raise UnreadableError("not a date with a time")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableError("not an ISO 8601 date") from None
    return None if moment.year == 1 else moment


@unguarded
@dataclass(frozen=True, slots=True)
class Status:
    """`Id` and `Code` are the same number; `Name` varies and is free text."""

    id: Json
    code: Json
    name: Json


@unguarded
@dataclass(frozen=True, slots=True)
class Line:
    """One of `CheckingAccounts`: net of the fee `Tax`; money given back is negative."""

    amount: Decimal
    tax: Decimal | None


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice. The dates are naive local time; `inclued_date` is their spelling.

    `payment_method` is its `Id`. `checking_accounts` and `splits` are read by `refund_amount`.
    """

    id_transaction: int | None
    transaction_status: Status | None
    payment_method: int | None
    amount: Decimal | None
    tax_value: Decimal | None
    net_value: Decimal | None
    paid_value: Decimal | None
    inclued_date: datetime | None
    payment_date: datetime | None
    installment_quantity: int | None
    reference: str | None
    payment_order_id: str | None
    end_to_end_id: str | None
    tid: str | None
    checking_accounts: Json
    splits: Json


def notice_of(body: Mapping[str, Json], noted: list[str]) -> Notice:
    """Read a notice, or raise `MalformedError`."""
    fields = Fields(body, noted)
    strict, loose = fields.strict, fields.loose
    return Notice(
        id_transaction=strict("IdTransaction", whole_of),
        transaction_status=strict("TransactionStatus", _status_of),
        payment_method=loose("PaymentMethod", _method_of),
        amount=strict("Amount", number_of),
        tax_value=loose("TaxValue", number_of),
        net_value=loose("NetValue", number_of),
        paid_value=loose("PaidValue", number_of),
        inclued_date=loose("IncluedDate", moment_of),
        payment_date=loose("PaymentDate", moment_of),
        installment_quantity=loose("InstallmentQuantity", whole_of),
        reference=loose("Reference", text_of),
        payment_order_id=loose("PaymentOrderId", text_of),
        end_to_end_id=loose("EndToEndId", text_of),
        tid=loose("Tid", text_of),
        checking_accounts=body.get("CheckingAccounts"),
        splits=body.get("Splits"),
    )


def line_of(told: Json) -> Line | None:
    """Read a line, or give None where it cannot be read or has no amount."""
    if not isinstance(told, dict):
        return None
    try:
        amount, tax = number_of(told.get("Amount")), number_of(told.get("Tax"))
    except UnreadableError:
        return None
    return None if amount is None else Line(amount, tax)


def _status_of(value: Json) -> Status:
    if not isinstance(value, dict):
        raise UnreadableError("Input should be a valid dictionary or instance of Status")
    return Status(value.get("Id"), value.get("Code"), value.get("Name"))


def _method_of(value: Json) -> int | None:
    return whole_of(value.get("Id")) if isinstance(value, dict) else None
