"""Conectados' amounts: integers in whole pesos, without a currency; nothing is ever rounded.

https://conectados.apidog.io/api-18604273 (`aproved_total_amount`, `aproved_details`)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from libs.domain.frozen import unguarded
from libs.domain.money import Money, MoneyError, exponent
from libs.providers.conectados.wire import Detail, RetailEvent

# The misspelling is the documented name.
_TOTALS: Final = ("aproved_total_amount", "approved_total_amount")
_DETAILS: Final = ("aproved_details", "approved_details")
# Where the undocumented sale events may keep the sum of the sale.
_SALE_TOTALS: Final = ("total_amount", "amount")


class AmountError(ValueError):
    """A field holds no amount; `field` is its path, the message says why and quotes nothing."""

    def __init__(self, field: str, value: object, why: str) -> None:
        super().__init__(why)
        self.field = field
        self.value = value


@unguarded
@dataclass(frozen=True, slots=True)
class Amounts:
    """The sum of the event, and whether another one in the same body contradicts it."""

    total: Money | None
    contradicted: bool


def read_amounts(event: RetailEvent, currency: str, *, sale: bool) -> Amounts:
    """Read the approved total, for a sale else its own; `AmountError` for what is no amount."""
    totals = _told(event, _TOTALS, currency)
    if not totals and sale:
        totals = _told(event, _SALE_TOTALS, currency)[:1]
    details = [_sum(name, getattr(event, name), currency) for name in _DETAILS]
    sums = [each for each in details if each is not None]
    if not totals:
        return Amounts(None, contradicted=False)
    return Amounts(totals[0], contradicted=any(each != totals[0] for each in totals + sums))


def _told(event: RetailEvent, names: Sequence[str], currency: str) -> list[Money]:
    return [
        _money(name, value, currency)
        for name in names
        if (value := getattr(event, name)) is not None
    ]


def _sum(name: str, details: list[Detail] | None, currency: str) -> Money | None:
    """Add the details up; None where one of them tells no amount, or there is none."""
    if not details or any(detail.amount is None for detail in details):
        return None
    amounts = [
        _money(f"{name}[{place}].amount", detail.amount, currency)
        for place, detail in enumerate(details)
    ]
    return Money(sum((each.amount for each in amounts), Decimal(0)), currency)


def _money(field: str, value: object, currency: str) -> Money:
    try:
        return Money.of(_number(value, currency), currency)
    except MoneyError as error:
        raise AmountError(field, value, str(error)) from None


def _number(value: object, currency: str) -> int | Decimal:
    """Accept an integer, also as a string of digits; "11.000" is eleven thousand in Chile."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value.strip()[:40])
    if isinstance(value, Decimal) and exponent(currency) > 0:
        return value
    raise MoneyError(f"no whole amount of {currency}")
