"""Which item of an answer is about which request: PayU answers in two lists, without our numbers.

First by everything that is echoed, the payee's bank and kind of account where they are; what is left by
amount and description, then by amount alone. Requests that are identical are interchangeable; others are
matched only where it leaves no choice: as many answers as requests, all of them good or all of them bad.
What cannot be told apart stays without an outcome: unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from libs.providers.payu.answers import (
    AnsweredPayee,
    FailedItem,
    PayoutAnswer,
    SuccessfulItem,
)
from libs.providers.payu.banks import normalised
from libs.providers.payu.digest import recognised
from libs.providers.payu.requests import Payee, Transfer

Item = SuccessfulItem | FailedItem


@dataclass(slots=True)
class Matched:
    """The answer to each request, None where there is none; and what nobody asked for."""

    items: list[Item | None]
    unasked: list[SuccessfulItem] = field(default_factory=list)


def matched(transfers: Sequence[Transfer], answer: PayoutAnswer) -> Matched:
    """Say which answer is about which request. An item without an order's id is no answer."""
    told: list[Item] = [
        *(item for item in answer.successful_items if item.payment_order_id),
        *answer.failed_items,
    ]
    found = Matched([None] * len(transfers))
    for of_request, of_item, exact in _STEPS:
        told = _step(transfers, found, told, (of_request, of_item), exact=exact)
    found.unasked = [item for item in told if isinstance(item, SuccessfulItem)]
    return found


Keys = tuple[Callable[[Transfer], Hashable], Callable[[Item], Hashable]]


def _step(
    transfers: Sequence[Transfer], found: Matched, told: list[Item], keys: Keys, *, exact: bool
) -> list[Item]:
    """Match what has the same key; return what is left of the answer."""
    of_request, of_item = keys
    asked: dict[Hashable, list[int]] = defaultdict(list)
    for number, transfer in enumerate(transfers):
        if found.items[number] is None:
            asked[of_request(transfer)].append(number)
    answered: dict[Hashable, list[Item]] = defaultdict(list)
    for item in told:
        answered[of_item(item)].append(item)
    left: list[Item] = []
    for key, items in answered.items():
        numbers = [] if key is None else asked.get(key, [])
        same = exact and len({recognised(transfers[number]) for number in numbers}) == 1
        if not same and (len(numbers) != len(items) or len(set(map(type, items))) > 1):
            numbers = []
        for number, item in zip(numbers, items, strict=False):
            found.items[number] = item
        left += items[len(numbers) :]
    return left


def _words(text: str | None) -> str:
    return (text or "").strip()


_Fields = frozenset[str]
BANK, TYPE = "bank", "type"


def _known(of: Transfer | Item) -> Hashable:
    """Return the key of a payee that is told by its id."""
    payee = of.bank_account
    if payee is None or payee.id is None:
        return None
    return of.value, _words(of.description), payee.id.lower()


def _details(payee: Payee | AnsweredPayee) -> dict[str, str]:
    """Return what is told of the bank and the kind of account, in one spelling."""
    bank, kind = normalised(payee.bank_code or ""), (payee.account_type or "").strip().upper()
    return {name: text for name, text in ((BANK, bank), (TYPE, kind)) if text}


def _whole(of: Transfer | Item, payee: Payee | AnsweredPayee, details: _Fields) -> Hashable:
    told = _details(payee)
    account = str(payee.account_number), str(payee.document_number)
    return of.value, _words(of.description), account, *(told.get(name) for name in sorted(details))


def _asked_with(details: _Fields) -> Callable[[Transfer], Hashable]:
    """Return the key of a new payee, as far as answers with these details can tell it."""

    def key(transfer: Transfer) -> Hashable:
        payee = transfer.bank_account
        return None if payee.id is not None else _whole(transfer, payee, details)

    return key


def _answered_with(details: _Fields) -> Callable[[Item], Hashable]:
    """Return the key of an answer that has these details and no other."""

    def key(item: Item) -> Hashable:
        payee = item.bank_account
        if payee is None or _details(payee).keys() != details:
            return None
        return _whole(item, payee, details)

    return key


def _described(of: Transfer | Item) -> tuple[Decimal | None, str]:
    return of.value, _words(of.description)


def _valued(of: Transfer | Item) -> Decimal | None:
    return of.value


_STEPS: tuple[tuple[Callable[[Transfer], Hashable], Callable[[Item], Hashable], bool], ...] = (
    (_known, _known, True),
    *(
        (_asked_with(details), _answered_with(details), True)
        for details in map(frozenset, ((BANK, TYPE), (BANK,), (TYPE,), ()))
    ),
    (_described, _described, False),
    (_valued, _valued, False),
)
