"""Amounts of money as exact decimals in major units, with the exponent of their currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from libs.domain.frozen import unguarded

# ISO 4217 minor-unit exponents that differ from 2.
_NO_MINOR_UNIT = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"),
    *("VUV", "XAF", "XOF", "XPF"),
)
_EXPONENTS = (
    dict.fromkeys(_NO_MINOR_UNIT, 0)
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4)
)
_QUANTA = tuple(Decimal(1).scaleb(-places) for places in range(5))
_LIMIT_WHOLE = 10**15
_LIMIT = Decimal(_LIMIT_WHOLE)


class MoneyError(ValueError):
    """The text is not an amount of this currency."""


def exponent(currency: str) -> int:
    """Decimal places of a currency (ISO 4217): 0 for CLP, 2 for BRL, ARS, COP, MXN and `TEST`."""
    return _EXPONENTS.get(currency, 2)


def quantum(currency: str) -> Decimal:
    """Return the smallest amount of a currency: 0.01."""
    return _QUANTA[exponent(currency)]


@unguarded
@dataclass(frozen=True, slots=True)
class Money:
    """A non-negative amount in major units, quantized to its currency: `Money.of("47.5", "BRL")`."""

    amount: Decimal
    currency: str

    @classmethod
    def of(cls, value: str | int | Decimal, currency: str) -> Money:
        """Read an amount exactly; never through a float.

        Raises `MoneyError` for what is no finite decimal number, is negative, has more decimal
        places than the currency (11000.5 CLP), or has more than 15 digits before the point.
        """
        return cls(amount_of(value, currency), currency)


def amount_of(value: str | int | Decimal, currency: str) -> Decimal:
    """Return the amount of `Money.of` without its currency."""
    if isinstance(value, bool | float):
        raise MoneyError(f"an amount is never a {type(value).__name__}")
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise MoneyError("not a decimal number")  # Decimal would read 1_000 and other digits
    if isinstance(value, int) and 0 <= value < _LIMIT_WHOLE:
        return Decimal(value).quantize(quantum(currency))
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except InvalidOperation:
        raise MoneyError("not a decimal number") from None
    if not number.is_finite():
        raise MoneyError("not a finite number")
    if number < 0:
        raise MoneyError("negative")
    if number >= _LIMIT:
        raise MoneyError("more than 15 digits")
    try:
        exact = number.quantize(quantum(currency))
    except InvalidOperation:
        raise MoneyError("too many digits") from None
    if exact != number:
        raise MoneyError(f"more than {exponent(currency)} decimal places for {currency}")
    return abs(exact)
