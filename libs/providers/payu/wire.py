"""PayU's notification as PayU writes it: JSON, or a form in which every value is text.

Only what Caudal reads is named; the payee's name, document and bank account are personal data and
never leave the raw body. A field that must be right to be used is strict (`ValidationError`); one
that is only worth showing is dropped when it cannot be read, and its name is noted in the list
that is the validation's context.

Source: https://developers.payulatam.com/latam/es/docs/services/payouts.html (variables in the
notification).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo
from pydantic.alias_generators import to_camel

_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IDENTITY_LIMIT: Final = 100


class UnreadableError(ValueError):
    """The value is not of the kind that the field needs; the message quotes nothing."""


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


def _identity(value: object) -> str | None:
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


def _or_noted(read: Callable[[object], Any]) -> Callable[[object, ValidationInfo], Any]:
    def validate(value: object, info: ValidationInfo) -> Any:  # noqa: ANN401 - as `read` gives
        try:
            return read(value)
        except UnreadableError:
            if info.context is not None:
                info.context.append(to_camel(str(info.field_name)))
            return None

    return validate


Text = Annotated[str | None, BeforeValidator(text_of)]
Identity = Annotated[str | None, BeforeValidator(_identity)]
Number = Annotated[Decimal | None, BeforeValidator(_number)]
OptionalText = Annotated[str | None, BeforeValidator(_or_noted(text_of))]
OptionalIdentity = Annotated[str | None, BeforeValidator(_or_noted(_identity))]


class Notification(BaseModel):
    """One notification. `state` is the payout's, `status` its payment order's.

    The two are read one by one (`mapping`), since one of them may be news while the other is not
    understood. `creation_date` and `date_of_the_next_validation` are epoch milliseconds as text.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    push_payment_id: Identity = None
    payment_order_id: OptionalIdentity = None
    state: object = None
    status: object = None
    value: Number = None
    currency: Text = None
    creation_date: OptionalText = None
    date_of_the_next_validation: OptionalText = None
    error_code: OptionalText = None
    validation_state: OptionalText = None
