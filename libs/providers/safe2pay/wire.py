"""Safe2Pay's transaction notice as Safe2Pay writes it: one shape for every payment method.

Only what Caudal reads is named; `SecretKey` and the names and tax numbers in the descriptions of
`CheckingAccounts` and `Splits` never leave the raw body. A field that must be right to be used is
strict (`ValidationError`); one that is only worth showing is dropped when it cannot be read, and
its name is noted in the list that is the validation's context.

Source: https://developers.safe2pay.com.br/reference/callback-transacional and
https://docs.safe2pay.dev/docs/ordem-pagamento-webhook.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo
from pydantic.alias_generators import to_pascal

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,10})?")
_BIGGEST: Final = 15  # digits before the point
_FINEST: Final = -10  # the exponent of the last decimal place
_TEXT_LIMIT: Final = 255


class UnreadableError(ValueError):
    """The value is not of the kind that the field needs; the message quotes nothing."""


def whole_of(value: object) -> int | None:
    """Give an integer, or digits as one; None for nothing; else `UnreadableError`."""
    if isinstance(value, str):
        text = value.strip()
        if text and not _WHOLE.fullmatch(text):
            raise UnreadableError("not a whole number")
        return int(text) if text else None
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


def _method_of(value: object) -> int | None:
    return whole_of(value.get("Id")) if isinstance(value, dict) else None


def _or_noted(read: Callable[[object], Any]) -> BeforeValidator:
    def validate(value: object, info: ValidationInfo) -> Any:  # noqa: ANN401 - as `read` gives
        try:
            return read(value)
        except UnreadableError:
            if info.context is not None:
                info.context.append(to_pascal(str(info.field_name)))
            return None

    return BeforeValidator(validate)


Whole = Annotated[int | None, BeforeValidator(whole_of)]
Number = Annotated[Decimal | None, BeforeValidator(number_of)]
OptionalWhole = Annotated[int | None, _or_noted(whole_of)]
OptionalNumber = Annotated[Decimal | None, _or_noted(number_of)]
OptionalText = Annotated[str | None, _or_noted(text_of)]
OptionalMoment = Annotated[datetime | None, _or_noted(moment_of)]
OptionalMethod = Annotated[int | None, _or_noted(_method_of)]

_THEIRS: Final = ConfigDict(alias_generator=to_pascal, extra="ignore", frozen=True)


class Status(BaseModel):
    """`Id` and `Code` are the same number; `Name` varies and is free text."""

    model_config = _THEIRS

    id: object = None
    code: object = None
    name: object = None


class Line(BaseModel):
    """One of `CheckingAccounts`: net of the fee `Tax`; money given back is negative."""

    model_config = _THEIRS

    amount: Number
    tax: Number = None


class Notice(BaseModel):
    """One notice. The dates are naive local time; `inclued_date` is their spelling.

    `payment_method` is its `Id`. `checking_accounts` and `splits` are read by `refund_amount`.
    """

    model_config = _THEIRS

    id_transaction: Whole = None
    transaction_status: Status | None = None
    payment_method: OptionalMethod = None
    amount: Number = None
    tax_value: OptionalNumber = None
    net_value: OptionalNumber = None
    paid_value: OptionalNumber = None
    inclued_date: OptionalMoment = None
    payment_date: OptionalMoment = None
    installment_quantity: OptionalWhole = None
    reference: OptionalText = None
    payment_order_id: OptionalText = None
    end_to_end_id: OptionalText = None
    tid: OptionalText = None
    checking_accounts: object = None
    splits: object = None
