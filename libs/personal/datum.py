"""The kinds of personal data that a provider's body may hold."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Datum(StrEnum):
    """What a field holds about a person, or about somebody's money."""

    NAME = "name"
    E_MAIL = "e-mail"
    PHONE = "phone"
    DOCUMENT = "document"  # CPF, CNPJ, CUIT, DNI, RUT, NIT, CURP, RFC, passport
    BIRTH = "birth"
    ADDRESS = "address"
    ACCOUNT = "account"  # a bank account or wallet, a Pix key
    BARCODE = "barcode"  # of a boleto or coupon, and the code of a Pix payment
    CARD = "card"
    WORDS = "words"  # free text that tends to name somebody


PersonalFields = Mapping[str, Datum]
"""Fields of a body by their documented path, `data.customer.email`; the indexes of lists are left out.

A field counts wherever its last two names stand in this order (its last one, where it has no other).
"""

NO_FIELDS: Final[PersonalFields] = MappingProxyType({})


def tail_of(path: str) -> tuple[str, ...]:
    """Return the names by which a field is known at any depth, in lower case."""
    return tuple(path.lower().split(".")[-2:])
