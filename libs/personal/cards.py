"""What of a card number may be seen: its first six and its last four digits (PCI DSS 3.4.1)."""

from __future__ import annotations

from typing import Final

from stdnum import luhn

FIRST: Final = 6
LAST: Final = 4


def is_card_number(digits: str) -> bool:
    """Tell whether 13 to 19 digits pass the check of Luhn (ISO/IEC 7812-1, annex B)."""
    return 13 <= len(digits) <= 19 and digits.isdecimal() and luhn.is_valid(digits)


def masked(digits: str) -> str:
    """Return a card number as it may be shown: `411111******1111`."""
    return f"{digits[:FIRST]}{'*' * (len(digits) - FIRST - LAST)}{digits[-LAST:]}"


def masked_field(text: str) -> str:
    """Mask what the field of a card number holds: of its digits only the first six and last four stay.

    Everything else stays as it is, so that a number which the provider has masked is not touched.
    There is no check of Luhn: here it is a card number because the field says so.
    """
    places = [place for place, character in enumerate(text) if character.isdecimal()]
    hidden = set(places[FIRST:-LAST])
    if not hidden:
        return text
    return "".join("*" if place in hidden else character for place, character in enumerate(text))
