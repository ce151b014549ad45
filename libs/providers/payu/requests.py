"""What is sent to the Payouts API: every documented field, read liberally and written exactly.

A number and its text are both taken (`"accountNumber": 21989` as in PayU's own example). Whether what
is told is right `validation` says.
Source: https://developers.payulatam.com/latam/es/docs/integrations/api-integration/payouts-api.html
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from pydantic import BeforeValidator, Field

from libs.providers.payu.banks import normalised
from libs.providers.payu.discreet import Discreet

_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?")


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic takes ValueError as a finding
    return value.strip()


def _text_or_number(value: object) -> object:
    if isinstance(value, str):
        return value.strip()
    return _whole(value, "must be text or a number")


def _whole(value: object, otherwise: str) -> int:
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(otherwise)  # noqa: TRY004 - the same
    return value


def _number(value: object) -> object:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    return _whole(value, "must be a whole number")


def _amount(value: object) -> object:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - the same
    return Decimal(value)


def _bank_code(value: object) -> object:
    return normalised(str(_text_or_number(value)))


Text = Annotated[str, BeforeValidator(_text)]
TextOrNumber = Annotated[str | int, BeforeValidator(_text_or_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Amount = Annotated[Decimal, BeforeValidator(_amount)]
BankCode = Annotated[str, BeforeValidator(_bank_code)]


class Payee(Discreet):
    """The bank account that gets the money: a known one by its `id` alone, or a new one whole."""

    id: Text | None = None
    supplier_type: Text | None = None
    account_number: TextOrNumber | None = None
    bank_code: BankCode | None = None
    account_type: Text | None = None
    country: Text | None = None
    document_number: TextOrNumber | None = None
    document_type: Text | None = None
    expedition_date: Text | None = None
    full_name: Text | None = None
    birth_date: Text | None = None
    state: Text | None = None
    merchant_id: Whole | None = None


class Transfer(Discreet):
    """One payout that is asked for."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"value"})

    value: Amount
    bank_account: Payee
    description: Text | None = None


class PayoutRequest(Discreet):
    """One or many."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"transfers"})

    transfers: tuple[Transfer, ...]


class CancelRequest(Discreet):
    """Why, and which (the id that is in the path too)."""

    comments: Text | None = None
    push_payment_id: Text | None = None


class BankAccountUpdate(Discreet):
    """Another number, or another bank, of a known bank account. Not in today's documents."""

    id: Text
    account_number: TextOrNumber
    bank_code: BankCode | None = None


class WebhookRequest(Discreet):
    """A registration; `id` only and always where it is updated."""

    SHOWN: ClassVar[frozenset[str]] = frozenset({"id", "account_id", "enabled_events"})

    id: Text | None = None
    account_id: Whole
    callback_url: Text
    description: Text
    enabled_events: tuple[Text, ...] = Field(default=())
