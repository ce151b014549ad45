"""Of a card number its first six and last four digits are seen, and never more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.personal.cards import is_card_number, masked, masked_field


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111111111111111", "411111******1111"),
        ("4111 1111 1111 1111", "4111 11** **** 1111"),
        ("378282246310005", "378282*****0005"),
        ("4111111111111112", "411111******1112"),  # the field says that it is one
        ("45079912****0010", "450799**" + "****0010"),
        ("450799******0010", "450799******0010"),
        ("450799XXXXXX0010", "450799XXXXXX0010"),
        ("0010", "0010"),
        ("", ""),
        ("terminada en 0010", "terminada en 0010"),
    ],
)
def test_field_keeps_ten_digits(text: str, expected: str) -> None:
    assert masked_field(text) == expected


@given(st.text(st.characters(max_codepoint=0x7F), max_size=60))
def test_at_most_ten_digits_are_left_and_the_rest_stays(text: str) -> None:
    found = masked_field(text)
    assert sum(character.isdecimal() for character in found) <= 10
    assert len(found) == len(text)
    assert all(a == b or (a.isdecimal() and b == "*") for a, b in zip(text, found, strict=True))
    assert masked_field(found) == found


def test_luhn_decides_elsewhere() -> None:
    assert is_card_number("4111111111111111")
    assert not is_card_number("4111111111111112")
    assert not is_card_number("42")
    assert not is_card_number("४१११११११११११११११"[:16])
    assert masked("4111111111111111") == "411111******1111"
