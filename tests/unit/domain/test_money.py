"""Amounts: exact decimals in major units, or a refusal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from libs.domain.money import Money, MoneyError, amount_of, exponent


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("47.5", "BRL", "47.50"),
        ("0", "BRL", "0.00"),
        ("-0", "BRL", "0.00"),
        ("-0.00", "MXN", "0.00"),
        (1, "BRL", "1.00"),
        (Decimal("191.89"), "BRL", "191.89"),
        ("11000", "CLP", "11000"),
        ("11000.00", "CLP", "11000"),
        ("1500000.00", "COP", "1500000.00"),
        ("1E+3", "ARS", "1000.00"),
        (" 6705 ", "ARS", "6705.00"),
        ("999999999999999.99", "ARS", "999999999999999.99"),
        ("0.1" + "0" * 40, "ARS", "0.10"),
        ("1.234", "KWD", "1.234"),
    ],
)
def test_amount_is_read_exactly(value: str | int | Decimal, currency: str, expected: str) -> None:
    assert str(amount_of(value, currency)) == expected


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        ("11000.5", "CLP"),
        ("0.001", "BRL"),
        ("-1", "BRL"),
        ("-0.01", "BRL"),
        ("NaN", "BRL"),
        ("sNaN", "BRL"),
        ("Infinity", "BRL"),
        ("-inf", "BRL"),
        ("", "BRL"),
        (" ", "BRL"),
        ("1,50", "BRL"),
        ("R$ 1", "BRL"),
        ("1_000", "BRL"),
        ("٣", "BRL"),
        ("\uff11\uff12", "BRL"),
        ("0x10", "BRL"),
        ("1000000000000000", "BRL"),
        ("1e15", "BRL"),
        ("1e999999", "BRL"),
        ("1e-999999", "BRL"),
        (10**40, "BRL"),
    ],
)
def test_other_text_is_refused(value: str | int, currency: str) -> None:
    """Not a decimal, negative, too fine, too large: never rounded, never guessed."""
    with pytest.raises(MoneyError):
        amount_of(value, currency)


@pytest.mark.parametrize("value", [1.5, 0.0, float("nan"), True, False])
def test_float_and_boolean_are_refused(value: float) -> None:
    """Money that went through a float is not exact any more."""
    with pytest.raises(MoneyError, match="never a"):
        amount_of(value, "BRL")  # type: ignore[arg-type] # what the type already forbids


def test_error_quotes_no_value() -> None:
    """What a stranger wrote stays out of messages and logs."""
    with pytest.raises(MoneyError) as caught:
        amount_of("4111111111111111", "CLP")
    assert "4111" not in str(caught.value)


@pytest.mark.parametrize(
    ("currency", "places"),
    [("BRL", 2), ("ARS", 2), ("COP", 2), ("MXN", 2), ("TEST", 2), ("CLP", 0), ("PYG", 0)],
)
def test_places_follow_currency(currency: str, places: int) -> None:
    """ISO 4217; Mobbex' pseudo currency has the places of the peso."""
    assert exponent(currency) == places


def test_money_compares_by_value() -> None:
    """Equal sums are one value, other currencies another."""
    assert len({Money.of("1.5", "BRL"), Money.of("1.50", "BRL")}) == 1
    assert Money.of("1", "BRL") != Money.of("1", "ARS")
