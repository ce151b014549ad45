"""Tells a number that belongs to somebody from any other number, by its check digits.

Documents are judged by python-stdnum; what it does not have (CLABE) stands here.
"""

from __future__ import annotations

from typing import Final

from stdnum.ar import cbu, cuit
from stdnum.br import cnpj, cpf
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.mx import curp, rfc

from libs.personal.cards import is_card_number, masked

DOCUMENT: Final = "[document]"
ACCOUNT: Final = "[account]"
BARCODE: Final = "[barcode]"

# https://www.banxico.org.mx (CLABE: bank, place, account and a check digit of weights 3, 7, 1)
_CLABE_WEIGHTS: Final = (3, 7, 1)
# Boletos have 44, 47 or 48 digits, the coupons of Argentina up to 60; no identifier of ours has so many.
_BARCODE_LENGTHS: Final = range(40, 61)


def mask_of(digits: str) -> str | None:
    """Return what is shown in the place of a number, or None where it is nobody's.

    `digits` is without blanks and points. A number that passes by chance is masked too.
    """
    length = len(digits)
    if not digits.strip("0"):
        return None
    if length in _BARCODE_LENGTHS:
        return BARCODE
    if (length == 22 and cbu.is_valid(digits)) or (length == 18 and is_clabe(digits)):
        return ACCOUNT
    if length == 11 and (cpf.is_valid(digits) or cuit.is_valid(digits)):
        return DOCUMENT
    if length == 14 and cnpj.is_valid(digits):
        return DOCUMENT
    return masked(digits) if is_card_number(digits) else None


def is_clabe(digits: str) -> bool:
    """Tell whether 18 digits are a Mexican bank account (CLABE)."""
    if len(digits) != 18 or not digits.isdecimal():
        return False
    total = sum(
        int(digit) * _CLABE_WEIGHTS[place % 3] % 10 for place, digit in enumerate(digits[:17])
    )
    return (10 - total % 10) % 10 == int(digits[17])


def is_checked_document(text: str) -> bool:
    """Tell whether digits with a check digit behind a hyphen are a RUT or a NIT."""
    return bool(rut.is_valid(text) or nit.is_valid(text))


def is_lettered_document(text: str) -> bool:
    """Tell whether letters and digits are a CURP, an RFC or a CNPJ of the new kind."""
    return bool(curp.is_valid(text) or rfc.is_valid(text) or cnpj.is_valid(text))
