"""The rules that the tables of fields of the Payouts API make, field by field.

Two documented sizes are too small for documented values (`supplierType` of at most 16 characters,
`documentType` of 2) and are no rules here. A bank code of three or four digits and a document type
that Caudal does not know are doubts: PayU may know better (`Finding.doubt`).
Source: https://developers.payulatam.com/latam/es/docs/integrations/api-integration/payouts-api.html
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from libs.providers.payu.banks import CODES
from libs.providers.payu.dates import is_date, is_not_ahead
from libs.providers.payu.findings import Rule
from libs.providers.payu.words import (
    ACCOUNT_TYPES,
    COUNTRIES,
    DOCUMENT_TYPES,
    NEW_PAYEE_STATE,
    SUPPLIER_TYPES,
)

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,36}")
_ACCOUNT: Final = re.compile(r"[0-9A-Za-z]{1,17}")
_DOCUMENT: Final = re.compile(r"[0-9A-Za-z-]{1,50}")
_WORD: Final = re.compile(r"[0-9A-Za-z]+")
# PayU's own example sends `8` for a bank that is none: digits that are too few are zeros left out.
_BANK: Final = re.compile(r"[0-9]{1,4}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


def is_id(text: str) -> bool:
    """Whether this can name a payout, a bank account or a webhook: one segment of a path."""
    return bool(_ID.fullmatch(text))


def _is_account(text: str) -> bool:
    return bool(_ACCOUNT.fullmatch(text))


def _is_bank(text: str) -> bool:
    return bool(_BANK.fullmatch(text))


def _is_listed_bank(text: str) -> bool:
    return text in CODES or not _is_bank(text)


def _is_document(text: str) -> bool:
    return bool(_DOCUMENT.fullmatch(text))


def _is_word(text: str) -> bool:
    return bool(_WORD.fullmatch(text))


def _is_listed_type(text: str) -> bool:
    return text in DOCUMENT_TYPES or not _is_word(text)


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text))


def _is_text(text: str) -> bool:
    return bool(text) and text.isprintable()


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return whole and not parts.username and text.isprintable() and " " not in text


ID_WORDS: Final = "must be at most 36 letters, digits and -"
_DATE_WORDS: Final = "must be a date, YYYY/MM/DD or YYYY-MM-DD"
_AHEAD_WORDS: Final = "must not lie in the future"
_TEXT_WORDS: Final = "must be printable text"
_NUMBER_WORDS: Final = "must be a number"

ID: Final = Rule("id", is_id, ID_WORDS)
_ACCOUNT_NUMBER: Final = Rule("accountNumber", _is_account, "must be at most 17 letters and digits")
# As written, or as what `banks.normalised` made of it.
_BANK_CODE: Final = (
    Rule("bankCode", _is_bank, "must be 3 or 4 digits"),
    Rule("bankCode", _is_listed_bank, "is no bank code that Caudal knows", doubt=True),
)
BANK_ACCOUNT: Final = (ID, _ACCOUNT_NUMBER, *_BANK_CODE)
PAYEE: Final = (
    ID,
    Rule("supplierType", SUPPLIER_TYPES.__contains__, f"must be one of {', '.join(sorted(SUPPLIER_TYPES))}"),
    _ACCOUNT_NUMBER,
    *_BANK_CODE,
    Rule("accountType", ACCOUNT_TYPES.__contains__, "must be CC (current) or CA (savings, Nequi)"),
    Rule("country", COUNTRIES.__contains__, "must be a country of ISO 3166, two capital letters"),
    Rule("documentNumber", _is_document, "must be at most 50 letters, digits and -"),
    Rule("documentType", _is_word, "must be letters and digits"),
    Rule("documentType", _is_listed_type, "is no document type that Caudal knows", doubt=True),
    Rule("fullName", _is_text, _TEXT_WORDS),
    Rule("expeditionDate", is_date, _DATE_WORDS),
    Rule("expeditionDate", is_not_ahead, _AHEAD_WORDS),
    Rule("birthDate", is_date, _DATE_WORDS),
    Rule("birthDate", is_not_ahead, _AHEAD_WORDS),
    Rule("state", NEW_PAYEE_STATE.__eq__, f"must be {NEW_PAYEE_STATE} for a new payee"),
    Rule("merchantId", _is_number, _NUMBER_WORDS),
)  # fmt: skip
NEW_PAYEE_NEEDS: Final = (
    "supplierType", "accountNumber", "accountType", "country", "documentNumber", "documentType", "fullName",
)  # fmt: skip
TRANSFER: Final = (Rule("description", str.isprintable, _TEXT_WORDS),)
CANCEL: Final = (
    Rule("comments", str.isprintable, _TEXT_WORDS),
    Rule("pushPaymentId", is_id, ID_WORDS),
)
WEBHOOK: Final = (
    ID,
    Rule("accountId", _is_number, _NUMBER_WORDS),
    Rule("callbackUrl", _is_url, "must be a URL without a user and without blanks"),
    Rule("description", _is_text, _TEXT_WORDS),
)
