"""What PayU finds wrong with a payee. Only the message on the bank is documented.

The documentation has one example of a failure: an item in `failedItems` with its messages, beside the
payouts that were made. Every field that breaks the table of fields fails like that here. What is
known of countries and of tax numbers is written down once more, apart from what the client knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from services.sandbox.payu.banks import BANKS, bank_code

Fields = Mapping[str, Any]

SUPPLIER_TYPES: Final = ("SUBMERCHANT", "RELATED_PROVIDER", "RELATED_THIRD_PARTY")
ACCOUNT_TYPES: Final = ("CC", "CA")
DATES: Final = ("expeditionDate", "birthDate")
# ISO 3166 alpha-2: the first letter, and the second ones that it has.
COUNTRIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "A": "DEFGILMOQRSTUWXZ", "B": "ABDEFGHIJLMNOQRSTVWYZ", "C": "ACDFGHIKLMNORUVWXYZ",
        "D": "EJKMOZ", "E": "CEGHRST", "F": "IJKMOR", "G": "ABDEFGHILMNPQRSTUWY", "H": "KMNRTU",
        "I": "DELMNOQRST", "J": "EMOP", "K": "EGHIMNPRWYZ", "L": "ABCIKRSTUVY",
        "M": "ACDEFGHKLMNOPQRSTUVWXYZ", "N": "ACEFGILOPRUZ", "O": "M", "P": "AEFGHKLMNRSTWY",
        "Q": "A", "R": "EOSUW", "S": "ABCDEGHIJKLMNORSTVXYZ", "T": "CDFGHJKLMNORTVWZ", "U": "AGMSYZ",
        "V": "ACEGINU", "W": "FS", "Y": "ET", "Z": "AMW",
    }
)  # fmt: skip
# What a new payee has to come with.
_REQUIRED: Final = (
    "supplierType", "accountNumber", "bankCode", "accountType", "country", "documentNumber",
    "documentType", "fullName",
)  # fmt: skip
_ACCOUNT_NUMBER: Final = re.compile(r"[0-9A-Za-z]{1,17}")
_NIT: Final = re.compile(r"([0-9]{3,15})-([0-9])")
_DOCUMENT: Final = re.compile(r"[0-9A-Za-z-]{1,50}")
_DATE: Final = re.compile(r"[0-9]{4}([/-])[0-9]{2}\1[0-9]{2}")
# Of the digits of a NIT, the last one first.
_PRIMES: Final = (3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71)


def faults_of(told: Fields) -> list[str]:
    """Say what is wrong with a new payee."""
    missing = [name for name in _REQUIRED if told.get(name) in (None, "")]
    if missing:
        return [f"The field {name} is required" for name in missing]
    found = _of_bank(told)
    holds = {
        "supplierType": told["supplierType"] in SUPPLIER_TYPES,
        "accountType": told["accountType"] in ACCOUNT_TYPES,
        "accountNumber": _is_account(told["accountNumber"]),
        "country": _is_country(told["country"]),
        "documentNumber": _is_document(str(told["documentType"]), str(told["documentNumber"])),
        **{name: told.get(name) is None or day_of(told[name]) is not None for name in DATES},
    }
    return found + [f"The field {name} is not valid" for name, good in holds.items() if not good]


def faults_of_update(told: Fields) -> list[str]:
    """Say what is wrong with another number, or another bank, of a known payee."""
    if told.get("accountNumber") in (None, ""):
        return ["The field accountNumber is required"]
    found = _of_bank(told) if told.get("bankCode") is not None else []
    if not _is_account(told["accountNumber"]):
        found.append("The field accountNumber is not valid")
    return found


def day_of(told: object) -> date | None:
    """Read `1996-05-17`, or `1996/05/17` as the table of fields has it; None for anything else."""
    text = str(told)
    try:
        return date.fromisoformat(text.replace("/", "-")) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def check_digit(digits: str) -> int:
    """Return what follows the hyphen of a NIT: Colombia's tax office, modulo 11."""
    total = 0
    for place in range(len(digits)):
        total += _PRIMES[place] * int(digits[-1 - place])
    rest = total % 11
    return rest if rest in {0, 1} else 11 - rest


def _of_bank(told: Fields) -> list[str]:
    code = bank_code(told["bankCode"])
    if code in BANKS:
        return []
    return [f"There is no registered bank with code: {str(told['bankCode']).strip()}"]


def _is_account(told: object) -> bool:
    return bool(_ACCOUNT_NUMBER.fullmatch(str(told)))


def _is_country(told: object) -> bool:
    return isinstance(told, str) and len(told) == 2 and told[1] in COUNTRIES.get(told[0], "")


def _is_document(kind: str, number: str) -> bool:
    if kind != "NIT":
        return bool(_DOCUMENT.fullmatch(number))
    found = _NIT.fullmatch(number)
    return found is not None and check_digit(found[1]) == int(found[2])
