"""The documented rules of the Payouts API, held up to a request before it is sent.

A bank code, a document type or a field that Caudal does not know, and a new payee without a bank
code, are doubts (`Finding.doubt`). Whoever knows whose account it is tells its `own` numbers
(`merchantId`, `accountId`): a request that names others is none of that account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from libs.providers.payu import nit, rules
from libs.providers.payu.discreet import Discreet
from libs.providers.payu.findings import (
    Finding,
    NotValidError,
    broken,
    missing,
    not_own,
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
from libs.providers.payu.words import NIT, NUMERIC_DOCUMENTS, Event
from libs.providers.reading import Json

Own = Mapping[str, str]

_MOST: Final = Decimal(10) ** 15
_EVENTS: Final = frozenset(Event)
_ANYBODY: Final[Own] = MappingProxyType({})
_NO_TRANSFER: Final = Finding("transfers", "must be a list with at least one transfer")


def payouts(told: Json, *, doubts: bool = True, own: Own = _ANYBODY) -> PayoutRequest:
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
        raise NotValidError([_NO_TRANSFER])
    transfers: list[Transfer] = []
    for number, one in enumerate(listed):
        place = _place(number)
        read = taken(Transfer, one, place)
        if isinstance(read, list):
            found += read
        else:
            transfers.append(read)
            found += _of_transfer(read, place, own)
    _raise(found, doubts=doubts)
    return PayoutRequest(transfers=tuple(transfers))


def request(told: PayoutRequest, *, doubts: bool = True, own: Own = _ANYBODY) -> PayoutRequest:
    """Hold the rules up to what was read already, or made by a program; the places are the same."""
    found = [] if told.transfers else [_NO_TRANSFER]
    for number, one in enumerate(told.transfers):
        found += _of_transfer(one, _place(number), own)
    _raise(found, doubts=doubts)
    return told


def cancel(told: CancelRequest) -> CancelRequest:
    """Hold the rules up to a cancel."""
    _raise(list(broken(rules.CANCEL, told, "")), doubts=True)
    return told


def bank_account(told: BankAccountUpdate, *, doubts: bool = True) -> BankAccountUpdate:
    """Hold the rules up to the update of a bank account."""
    _raise(list(broken(rules.BANK_ACCOUNT, told, "")), doubts=doubts)
    return told


def webhook(told: WebhookRequest, *, update: bool, own: Own = _ANYBODY) -> WebhookRequest:
    """Hold the rules up to a registration."""
    needed = ("id", "callbackUrl", "description") if update else ("callbackUrl", "description")
    found = list(missing(needed, told, ""))
    known = {each.place for each in found}
    found += [each for each in broken(rules.WEBHOOK, told, "") if each.place not in known]
    found += not_own(told, own, "")
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
    return rules.is_id(text)


def identified(text: str, field: str) -> str:
    """Return the id of one thing, as it goes into a path. Raises `NotValidError` under that name."""
    if not payment_id(text):
        raise NotValidError([Finding(field, rules.ID_WORDS)])
    return text


def _place(number: int) -> str:
    return f"transfers[{number}]"


def _of_transfer(transfer: Transfer, place: str, own: Own) -> Iterator[Finding]:
    yield from undocumented(transfer, place)
    yield from broken(rules.TRANSFER, transfer, place)
    yield from not_own(transfer, own, place)
    if wrong := _wrong_amount(transfer.value):
        yield Finding(f"{place}.value", wrong)
    yield from _of_payee(transfer.bank_account, f"{place}.bankAccount")
    yield from not_own(transfer.bank_account, own, f"{place}.bankAccount")


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
        if _told(payee) & {each.field for each in rules.PAYEE} - {"id"}:
            yield Finding(f"{place}.id", "must stand alone: it names a payee that is known already")
        yield from broken((rules.ID,), payee, place)
        return
    unfilled = list(missing(rules.NEW_PAYEE_NEEDS, payee, place))
    if payee.bank_code is None:
        unfilled.append(Finding(f"{place}.bankCode", "is missing", doubt=True))
    yield from unfilled
    known = {each.place for each in unfilled}
    wrong = [each for each in broken(rules.PAYEE, payee, place) if each.place not in known]
    yield from wrong
    if f"{place}.documentNumber" not in {each.place for each in wrong}:
        yield from _of_document(payee, place)


def _told(model: Discreet) -> set[str]:
    return set(model.model_dump(by_alias=True, exclude_none=True))


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
