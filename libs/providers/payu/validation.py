"""The documented rules of the Payouts API, held up to a request before it is sent.

Two documented sizes are too small for documented values (`supplierType` of at most 16 characters,
`documentType` of 2) and are no rules here. A bank code, a document type or a field that Caudal does
not know, and a new payee without a bank code, are doubts: PayU may know better (`Finding.doubt`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from libs.providers.payu import nit
from libs.providers.payu.banks import CODES
from libs.providers.payu.findings import (
    Finding,
    NotValidError,
    Rule,
    broken,
    missing,
    taken,
    undocumented,
)
from libs.providers.payu.requests import (
    BankAccountUpdate,
    CancelRequest,
    Payee,
    PayoutRequest,
    Transfer,
    WebhookRequest,
)
from libs.providers.payu.words import (
    ACCOUNT_TYPES,
    COUNTRIES,
    DOCUMENT_TYPES,
    NEW_PAYEE_STATE,
    NIT,
    NUMERIC_DOCUMENTS,
    SUPPLIER_TYPES,
    Event,
)
from libs.providers.reading import Json

_MOST: Final = Decimal(10) ** 15
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,36}")
_ACCOUNT: Final = re.compile(r"[0-9A-Za-z]{1,17}")
_DOCUMENT: Final = re.compile(r"[0-9A-Za-z-]{1,50}")
_DATE: Final = re.compile(r"(\d{4})([/-])(\d{2})\2(\d{2})")
_EVENTS: Final = frozenset(Event)


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    try:
        return found is not None and bool(date(int(found[1]), int(found[3]), int(found[4])))
    except ValueError:
        return False


def _is_words(text: str) -> bool:
    return bool(text) and text.isprintable()


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
    except ValueError:
        return False


_ID_RULE: Final = Rule(
    "id", lambda v: bool(_ID.fullmatch(v)), "must be at most 36 letters, digits and -"
)
_NUMBER_RULE: Final = Rule(
    "accountNumber", lambda v: bool(_ACCOUNT.fullmatch(v)), "must be at most 17 letters and digits"
)
# As written, or as what `banks.normalised` made of it. A code that is no code is a doubt as well: PayU's
# own example sends one, and is told that there is no such bank.
_BANK_RULE: Final = Rule(
    "bankCode", CODES.__contains__, "is no bank code that Caudal knows", doubt=True
)
_DATE_WORDS: Final = "must be a date, YYYY/MM/DD or YYYY-MM-DD"
_PAYEE_RULES: Final = (
    _ID_RULE,
    Rule("supplierType", SUPPLIER_TYPES.__contains__, f"must be one of {', '.join(sorted(SUPPLIER_TYPES))}"),
    _NUMBER_RULE,
    _BANK_RULE,
    Rule("accountType", ACCOUNT_TYPES.__contains__, "must be CC (current) or CA (savings, Nequi)"),
    Rule("country", COUNTRIES.__contains__, "must be a country of ISO 3166, two capital letters"),
    Rule("documentNumber", lambda v: bool(_DOCUMENT.fullmatch(v)), "must be at most 50 letters, digits and -"),
    Rule("documentType", DOCUMENT_TYPES.__contains__, "is no document type that Caudal knows", doubt=True),
    Rule("fullName", _is_words, "must be printable text"),
    Rule("expeditionDate", _is_date, _DATE_WORDS),
    Rule("birthDate", _is_date, _DATE_WORDS),
    Rule("state", NEW_PAYEE_STATE.__eq__, f"must be {NEW_PAYEE_STATE} for a new payee"),
    Rule("merchantId", lambda v: v.isdigit(), "must be a number"),
)  # fmt: skip
_NEEDED: Final = (
    "supplierType", "accountNumber", "accountType", "country", "documentNumber", "documentType", "fullName",
)  # fmt: skip
_TRANSFER_RULES: Final = (Rule("description", str.isprintable, "must be printable text"),)
_WEBHOOK_RULES: Final = (
    _ID_RULE,
    Rule("accountId", lambda v: v.isdigit(), "must be a number"),
    Rule("callbackUrl", _is_url, "must be a URL without a user"),
    Rule("description", _is_words, "must be printable text"),
)


def payouts(told: Json, *, doubts: bool = True) -> PayoutRequest:
    """Read the API's document, `{"transfers": […]}` or the list alone. Raises `NotValidError`.

    Without `doubts`, what is only doubtful is sent.
    """
    found: list[Finding] = []
    listed = told.get("transfers") if isinstance(told, dict) else told
    if isinstance(told, dict):
        found += [
            Finding(name, "is not a documented field", doubt=True)
            for name in told
            if name != "transfers" and name.isidentifier()
        ]
    if not isinstance(listed, list) or not listed:
        raise NotValidError([Finding("transfers", "must be a list with at least one transfer")])
    transfers: list[Transfer] = []
    for number, one in enumerate(listed):
        place = f"transfers[{number}]"
        read = taken(Transfer, one, place)
        if isinstance(read, list):
            found += read
        else:
            transfers.append(read)
            found += _of_transfer(read, place)
    _raise(found, doubts=doubts)
    return PayoutRequest(transfers=tuple(transfers))


def cancel(told: CancelRequest) -> CancelRequest:
    """Hold the rules up to a cancel."""
    rules = (
        Rule("comments", str.isprintable, "must be printable text"),
        Rule("pushPaymentId", lambda v: bool(_ID.fullmatch(v)), _ID_RULE.what),
    )
    _raise(list(broken(rules, told, "")), doubts=True)
    return told


def bank_account(told: BankAccountUpdate, *, doubts: bool = True) -> BankAccountUpdate:
    """Hold the rules up to the update of a bank account."""
    _raise(list(broken((_ID_RULE, _NUMBER_RULE, _BANK_RULE), told, "")), doubts=doubts)
    return told


def webhook(told: WebhookRequest, *, update: bool) -> WebhookRequest:
    """Hold the rules up to a registration."""
    needed = ("id", "callbackUrl", "description") if update else ("callbackUrl", "description")
    found = [*missing(needed, told, ""), *broken(_WEBHOOK_RULES, told, "")]
    events = told.enabled_events
    if not events or len(set(events)) != len(events) or not _EVENTS.issuperset(events):
        names = ", ".join(Event)
        found.append(Finding("enabledEvents", f"must be one to three different of {names}"))
    if not update and told.id is not None:
        found.append(Finding("id", "must not be told for a new webhook"))
    _raise(found, doubts=True)
    return told


def payment_id(text: str) -> bool:
    """Whether this can name a payout, a bank account or a webhook."""
    return bool(_ID.fullmatch(text))


def _of_transfer(transfer: Transfer, place: str) -> Iterator[Finding]:
    yield from undocumented(transfer, place)
    yield from broken(_TRANSFER_RULES, transfer, place)
    if wrong := _wrong_amount(transfer.value):
        yield Finding(f"{place}.value", wrong)
    yield from _of_payee(transfer.bank_account, f"{place}.bankAccount")


def _wrong_amount(value: Decimal) -> str | None:
    if not value.is_finite() or not 0 < value < _MOST:
        return "must be more than 0 and have at most 15 digits"
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        return "must have at most 2 decimals"
    return None


def _of_payee(payee: Payee, place: str) -> Iterator[Finding]:
    yield from undocumented(payee, place)
    if payee.id is not None:
        beside = payee.model_dump(by_alias=True, exclude_none=True).keys() - {"id"}
        if beside & {*_NEEDED, "bankCode", "expeditionDate", "birthDate", "state", "merchantId"}:
            yield Finding(f"{place}.id", "must stand alone: it names a payee that is known already")
        yield from broken((_ID_RULE,), payee, place)
        return
    unfilled = list(missing(_NEEDED, payee, place))
    if not payee.bank_code:
        unfilled.append(Finding(f"{place}.bankCode", "is missing", doubt=True))
    yield from unfilled
    known = {each.place for each in unfilled}
    wrong = [each for each in broken(_PAYEE_RULES, payee, place) if each.place not in known]
    yield from wrong
    if f"{place}.documentNumber" not in {each.place for each in wrong}:
        yield from _of_document(payee, place)


def _of_document(payee: Payee, place: str) -> Iterator[Finding]:
    number = str(payee.document_number or "")
    if not number:
        return
    wrong = None
    if payee.document_type == NIT:
        wrong = nit.what_is_wrong(number)
    elif payee.document_type in NUMERIC_DOCUMENTS and not (number.isascii() and number.isdigit()):
        wrong = "must be digits"
    if wrong:
        yield Finding(f"{place}.documentNumber", wrong)


def _raise(found: list[Finding], *, doubts: bool) -> None:
    wrong = [each for each in found if doubts or not each.doubt]
    if wrong:
        raise NotValidError(wrong)
