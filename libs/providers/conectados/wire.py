"""Conectados' retail event in Conectados' words.

https://conectados.apidog.io/api-18604273 documents one event of seven; the fields of the others are
assumed to be among these. `aproved_*` is misspelled on the wire; the right spelling is read too.
Not read: `message` (for people only), `category_id`, and whatever names a person.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from libs.providers.tolerance import Instant, Reference, Word

_DIGITS_LIMIT: Final = 40


def _transaction(value: object) -> str:
    """`12345` and `"012345"` → "12345" and "12345": the id as decimal text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        if len(value.strip()) > _DIGITS_LIMIT:
            raise ValueError("too long")
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    raise ValueError("neither an integer nor a string of digits")


def _code(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(_transaction(value))


class Detail(BaseModel):
    """The share of one category. The amount is read by the mapping, in the source's currency."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    amount: object = None


# One line for each category of a basket; the bound is ours.
Details = Annotated[list[Detail], Field(max_length=1_000, fail_fast=True)]


class RetailEvent(BaseModel):
    """One event. Only `event_type` is required here; who is meant, the mapping decides."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    event_type: str
    code: Annotated[int, BeforeValidator(_code)] | None = None
    state: Word | None = None  # of the request, not of a sale
    purchase_allowed: bool | None = None
    otp_required: bool | None = None
    otp_sent: bool | None = None
    otp_valid_until: Instant | None = None
    approval_code_valid_until: Instant | None = None
    transaction_id: Annotated[str, BeforeValidator(_transaction)] | None = None
    approval_sale_code: Reference | None = None  # whoever has it can create the sale
    external_reference: Reference | None = None
    aproved_total_amount: object = None
    approved_total_amount: object = None
    total_amount: object = None
    amount: object = None
    aproved_details: Details | None = None
    approved_details: Details | None = None
