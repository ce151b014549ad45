"""Payouts are asked for once: on record, marked as unknown, sent, and then what became of each.

    record ─► authenticate ─► mark as unknown ─► send ─► put the outcomes on record, and what they tell

Whatever stops it after the mark leaves `unknown`, which an operator or PayU's report resolves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import uuid_utils

from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.api.repeating import repeated
from libs.contracts.delivery import Delivery
from libs.providers.payu import own_calls
from libs.providers.payu.answers import PayoutAnswer, SuccessfulItem, first_message
from libs.providers.payu.client import PayU
from libs.providers.payu.digest import DigestKey
from libs.providers.payu.requests import CancelRequest, PayoutRequest, Transfer
from libs.providers.reading import NotReadableError, read_json
from libs.runtime.failures import TemporaryError
from libs.store import payouts as store
from libs.store.database import Pool
from libs.store.payout_request import OPEN, AskedPayout, RequestState, Settled
from libs.store.to_be_told import remember_to_tell
from services.payouts.cleaning import cleaned
from services.payouts.connection import PROVIDER, Connection
from services.payouts.matching import matched
from services.payouts.telling import own_delivery

CURRENCY: Final = own_calls.CURRENCY
Clock = Callable[[], datetime]


@dataclass(slots=True)
class Requested:
    """What became of a batch, as it is on record.

    `again` is a batch that was on record already: nothing was sent. `why` says what was in the way of
    an answer. `unasked` are orders in PayU's answer that belong to none of the requests.
    """

    requests: list[AskedPayout]
    again: bool = False
    why: str | None = None
    unasked: list[str] = field(default_factory=list)


class OtherContentError(Exception):
    """The name of the batch is that of another one, with other requests."""


class NotOnRecordError(TemporaryError):
    """It was answered, and the answer could not be put on record: these orders exist at PayU."""

    def __init__(self, orders: Sequence[str]) -> None:
        super().__init__(
            f"PayU answered, and it could not be put on record; its orders: {', '.join(orders)}"
        )


async def request_payouts(  # noqa: PLR0913, PLR0917 - the ends of it, and what is asked
    pool: Pool, payu: PayU, of: Connection, document: PayoutRequest, batch: str | None, now: Clock
) -> Requested:
    """Ask for payouts. Raises `InTheWayError` where one was asked for before and is still unknown."""
    asked = _asked(of, document, batch or str(uuid_utils.uuid7()), now())
    if known := await store.record(pool, asked):
        if [each.digest for each in known] != [each.digest for each in asked]:
            raise OtherContentError
        return Requested(known, again=True)
    why, unasked = None, list[SuccessfulItem]()
    try:
        await payu.authenticate()
        sent_at = now()
        await _mark(pool, asked, sent_at)
        answer = await payu.request_payouts(document)
    except UnsentError as error:
        why = f"not sent: {error}"
        await _settle_all(pool, asked, (why,), now())
    except RefusedError as error:
        why = str(error)
        await _settle_all(pool, asked, (why, *_said(error, document.transfers, of)), now())
    except UnansweredError as error:
        why = str(error)
    else:
        unasked = await _settle(pool, asked, document.transfers, answer, sent_at, now())
    return Requested(
        await store.requests_on_record(pool, source=of.source.slug, batch=asked[0].batch),
        why=why,
        unasked=[item.payment_order_id or "" for item in unasked],
    )


async def cancel(  # noqa: PLR0913, PLR0917 - the ends of it, and what is asked
    pool: Pool, payu: PayU, source: str, order: str, request: CancelRequest, now: Clock
) -> str | None:
    """Ask PayU for a cancel, which it looks at later; return what it says. To ask twice is safe."""
    sent_at = now()
    said = await payu.cancel(order, request)
    body = own_calls.bare_body(order, sent_at)
    told = own_delivery(source, PROVIDER, own_calls.CANCEL_REQUESTED, body, now())
    await remember_to_tell(pool, told)
    return said.message


def telling_of(
    request: AskedPayout, payment_order_id: str, sent_at: datetime, now: datetime
) -> Delivery:
    """Make the delivery that tells of a payout which PayU took."""
    body = own_calls.created_body(
        payment_order_id, request.value, request.currency, request.description, sent_at
    )
    return own_delivery(request.source, PROVIDER, own_calls.CREATED, body, now)


def _asked(of: Connection, document: PayoutRequest, batch: str, now: datetime) -> list[AskedPayout]:
    key = DigestKey.of(of.account.api_key)
    return [
        AskedPayout(
            id=str(uuid_utils.uuid7()),
            source=of.source.slug,
            batch=batch,
            item=number,
            value=transfer.value,
            currency=of.source.currency or CURRENCY,
            description=transfer.description or None,
            bank_account_id=transfer.bank_account.id,
            digest=key.digest(transfer),
            key_name=key.name,
            created_at=now,
        )
        for number, transfer in enumerate(document.transfers)
    ]


async def _mark(pool: Pool, asked: Sequence[AskedPayout], now: datetime) -> None:
    if not await store.mark_sent(pool, [each.id for each in asked], now):
        raise UnsentError("a part of it was resolved as not sent meanwhile")


async def _settle_all(
    pool: Pool, asked: Sequence[AskedPayout], why: tuple[str, ...], now: datetime
) -> None:
    """Put on record that nothing of it was done; what was resolved meanwhile stays so."""
    batch = await store.requests_on_record(pool, source=asked[0].source, batch=asked[0].batch)
    settled = [
        Settled(id=each.id, state=RequestState.FAILED, failures=why)
        for each in batch
        if each.state in OPEN
    ]
    await store.settle(pool, settled, now)


async def _settle(  # noqa: PLR0913, PLR0917 - what was asked, what was answered, and when
    pool: Pool,
    asked: Sequence[AskedPayout],
    transfers: Sequence[Transfer],
    answer: PayoutAnswer,
    sent_at: datetime,
    now: datetime,
) -> list[SuccessfulItem]:
    found = matched(transfers, answer)
    settled: list[Settled] = []
    for request, item in zip(asked, found.items, strict=True):
        if isinstance(item, SuccessfulItem) and item.payment_order_id:
            told = telling_of(request, item.payment_order_id, sent_at, now)
            settled.append(
                Settled(
                    id=request.id,
                    state=RequestState.SUCCEEDED,
                    payment_order_id=item.payment_order_id,
                    told=told,
                )
            )
        elif item is not None and not isinstance(item, SuccessfulItem):
            failures = cleaned(item.failure_messages, transfers)
            settled.append(Settled(id=request.id, state=RequestState.FAILED, failures=failures))
    try:
        await repeated(
            lambda: store.settle(pool, settled, now), lambda e: isinstance(e, TemporaryError)
        )
        for item in found.unasked:
            await remember_to_tell(pool, _unasked(asked[0], item, sent_at, now))
    except TemporaryError:
        orders = [each.payment_order_id for each in settled] + [
            item.payment_order_id for item in found.unasked
        ]
        raise NotOnRecordError([order for order in orders if order]) from None
    return found.unasked


def _unasked(like: AskedPayout, item: SuccessfulItem, sent_at: datetime, now: datetime) -> Delivery:
    """Make the delivery that tells of an order which belongs to no request of the batch."""
    order = item.payment_order_id or ""
    if item.value is None:
        body = own_calls.bare_body(order, sent_at)
    else:
        body = own_calls.created_body(order, item.value, like.currency, item.description, sent_at)
    return own_delivery(like.source, PROVIDER, own_calls.CREATED, body, now)


def _said(error: RefusedError, transfers: Sequence[Transfer], of: Connection) -> tuple[str, ...]:
    try:
        told = read_json(error.body)
    except NotReadableError:
        return ()
    return cleaned(first_message(told), transfers, of.secrets)
