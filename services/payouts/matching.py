"""Which item of an answer is about which request: PayU answers in two lists, without our numbers.

First by everything that is echoed; what is left by amount and description, then by amount alone, each
only where it leaves no choice. What cannot be told apart stays without an outcome: unknown.
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
        numbers = asked.get(key, [])
        if not exact and (len(numbers) != len(items) or len(set(map(type, items))) > 1):
            numbers = []
        for number, item in zip(numbers, items, strict=False):
            found.items[number] = item
        left += items[len(numbers) :]
    return left


def _words(text: str | None) -> str:
    return (text or "").strip()


def _payee(payee: Payee) -> Hashable:
    if payee.id is not None:
        return payee.id.lower()
    return str(payee.account_number), str(payee.document_number)


def _answered(payee: AnsweredPayee | None, *, by_id: bool) -> Hashable:
    if payee is None:
        return None
    if by_id:
        return (payee.id or "").lower()
    return str(payee.account_number), str(payee.document_number)


def _of_known(item: Item) -> Hashable:
    return item.value, _words(item.description), _answered(item.bank_account, by_id=True)


def _of_new(item: Item) -> Hashable:
    return item.value, _words(item.description), _answered(item.bank_account, by_id=False)


def _whole(transfer: Transfer) -> Hashable:
    return transfer.value, _words(transfer.description), _payee(transfer.bank_account)


def _described(of: Transfer | Item) -> tuple[Decimal | None, str]:
    return of.value, _words(of.description)


def _valued(of: Transfer | Item) -> Decimal | None:
    return of.value


# Identical requests are interchangeable: which of two is which does not matter there.
_STEPS: tuple[tuple[Callable[[Transfer], Hashable], Callable[[Item], Hashable], bool], ...] = (
    (_whole, _of_known, True),
    (_whole, _of_new, True),
    (_described, _described, False),
    (_valued, _valued, False),
)
