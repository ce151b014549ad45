"""Payouts are asked for once: on record, marked as unknown, sent, and then what became of each.

    record ─► authenticate ─► mark as unknown ─► send ─► put the outcomes on record, and what they tell

Whatever stops it before the mark leaves a batch of which nothing was sent (only a process that is killed
leaves `recorded`). Whatever stops it after the mark leaves `unknown`. An operator resolves what is left
so, and PayU's report what is `unknown`. What is known of an answer is returned though the database is
gone by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
from libs.providers.payu.requests import PayoutRequest, Transfer
from libs.providers.reading import NotReadableError, read_json
from libs.runtime.failures import PermanentError, TemporaryError, where
from libs.store import payouts as store
from libs.store.database import Pool
from libs.store.payout_request import OPEN, AskedPayout, RequestState, Resolution, Settled
from libs.store.to_be_told import remember_to_tell
from services.payouts.attempt import Attempt, NotOnRecordError
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


async def request_payouts(  # noqa: PLR0913, PLR0917 - the ends of it, and what is asked
    pool: Pool,
    payu: PayU,
    of: Connection,
    document: PayoutRequest,
    batch: str | None,
    now: Clock,
    *,
    again: bool = False,
    attempt: Attempt | None = None,
) -> Requested:
    """Ask for payouts; `attempt` tells how far it came where this raises.

    Raises `InTheWayError` where one was asked for before and is still unknown, `DoneLatelyError` where
    one was paid lately (unless it is meant to be paid `again`), `OtherContentError`: nothing was sent.
    `NotOnRecordError` and whatever else comes once it is sent: it may have been done.
    """
    attempt = attempt or Attempt()
    asked = _asked(of, document, batch or str(uuid_utils.uuid7()), now())
    try:
        known = await store.record(pool, asked, again=again)
        if not known:
            return await _send(pool, payu, of, document, asked, now, attempt)
    except (store.InTheWayError, store.DoneLatelyError):
        raise
    except BaseException as error:
        if not attempt.sent:
            await _leave(pool, asked, error, now())
        raise
    if [each.digest for each in known] != [each.digest for each in asked]:
        raise OtherContentError
    return Requested(known, again=True)


async def _send(  # noqa: PLR0913, PLR0917 - the ends of it, and what is asked
    pool: Pool,
    payu: PayU,
    of: Connection,
    document: PayoutRequest,
    asked: Sequence[AskedPayout],
    now: Clock,
    attempt: Attempt,
) -> Requested:
    """Send what is on record, and put on record what became of it."""
    sent_at: datetime | None = None
    try:
        await payu.authenticate()
        moment = now()
        await _mark(pool, asked, moment)
        sent_at, attempt.sent = moment, True
        answer = await payu.request_payouts(document)
    except UnsentError as error:
        return await _nothing(pool, asked, (f"not sent: {error}",), None, now())
    except RefusedError as error:
        said = _said(error, document.transfers, of)
        return await _nothing(pool, asked, (str(error), *said), sent_at, now())
    except UnansweredError as error:
        return await _as_on_record(pool, asked, [], sent_at, Requested([], why=str(error)))
    attempt.orders += [each.payment_order_id or "" for each in answer.successful_items]
    return await _settle(pool, asked, document.transfers, answer, moment, now())


async def _leave(
    pool: Pool, asked: Sequence[AskedPayout], error: BaseException, now: datetime
) -> None:
    """Put on record that nothing was sent, whatever stopped it; where that fails too, it stays open."""
    if isinstance(error, TemporaryError | PermanentError):
        why = str(error)
    else:
        why = where(error) if isinstance(error, Exception) else "interrupted"
    with suppress(Exception):
        await asyncio.shield(_nothing(pool, asked, (f"not sent: {why}",), None, now))


def telling_of(
    request: AskedPayout, payment_order_id: str, sent_at: datetime, now: datetime
) -> Delivery:
    """Make the delivery that tells of a payout which PayU took."""
    body = own_calls.created_body(
        payment_order_id, request.value, request.currency, request.description, sent_at
    )
    return own_delivery(request.source, PROVIDER, own_calls.CREATED, body, now)


def _asked(of: Connection, document: PayoutRequest, batch: str, now: datetime) -> list[AskedPayout]:
    key = DigestKey.of(of.account.api_key, of.environment.value)
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
            environment=of.environment.value,
            created_at=now,
        )
        for number, transfer in enumerate(document.transfers)
    ]


async def _mark(pool: Pool, asked: Sequence[AskedPayout], now: datetime) -> None:
    if not await store.mark_sent(pool, [each.id for each in asked], now):
        raise UnsentError("a part of it was resolved as not sent meanwhile")


async def _nothing(
    pool: Pool,
    asked: Sequence[AskedPayout],
    why: tuple[str, ...],
    sent_at: datetime | None,
    now: datetime,
) -> Requested:
    """Put on record that nothing of it was done; what was resolved meanwhile stays so."""
    batch = await store.these_on_record(pool, [each.id for each in asked])
    settled = [
        Settled(id=each.id, state=RequestState.FAILED, failures=why, sent=sent_at is not None)
        for each in batch
        if each.state in OPEN
    ]
    await store.settle(pool, asked[0].source, settled, now)
    return await _as_on_record(pool, batch, settled, sent_at, Requested([], why=why[0]))


async def _settle(  # noqa: PLR0913, PLR0917 - what was asked, what was answered, and when
    pool: Pool,
    asked: Sequence[AskedPayout],
    transfers: Sequence[Transfer],
    answer: PayoutAnswer,
    sent_at: datetime,
    now: datetime,
) -> Requested:
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
    orders = [item.payment_order_id or "" for item in found.unasked]
    try:
        taken = await repeated(
            lambda: store.settle(pool, asked[0].source, settled, now),
            lambda e: isinstance(e, TemporaryError),
        )
        for item in found.unasked:
            await remember_to_tell(pool, _unasked(asked[0], item, sent_at, now))
    except TemporaryError:
        known = [each.payment_order_id for each in settled if each.payment_order_id]
        raise NotOnRecordError([*known, *orders]) from None
    why = None
    if taken:
        names = ", ".join(each.payment_order_id or "" for each in taken)
        why = f"PayU answered with orders that belong to other requests: {names}"
    settled = [each for each in settled if each not in taken]
    done = await _as_on_record(
        pool, asked, settled, sent_at, Requested([], why=why, unasked=orders)
    )
    done.why = done.why or _contradicted(done.requests, settled)
    return done


def _contradicted(requests: Sequence[AskedPayout], settled: Sequence[Settled]) -> str | None:
    """Say where PayU's answer is against what was resolved as sent while it was under way."""
    failed = {each.id for each in settled if each.state is RequestState.FAILED}
    names = [r.id for r in requests if r.id in failed and r.resolved_as is Resolution.SENT]
    if not names:
        return None
    return f"PayU answered that it did not take what was resolved as sent: {', '.join(names)}"


async def _as_on_record(
    pool: Pool,
    asked: Sequence[AskedPayout],
    settled: Sequence[Settled],
    sent_at: datetime | None,
    done: Requested,
) -> Requested:
    """Fill in the requests: as they are on record, or as they were written where nobody answers."""
    try:
        done.requests = await store.these_on_record(pool, [each.id for each in asked])
    except TemporaryError:
        by_id = {each.id: each for each in settled}
        done.requests = [_as_written(each, by_id.get(each.id), sent_at) for each in asked]
    return done


def _as_written(
    request: AskedPayout, settled: Settled | None, sent_at: datetime | None
) -> AskedPayout:
    if settled is None:
        open_ = request.state in OPEN and sent_at is not None
        return replace(request, state=RequestState.UNKNOWN, sent_at=sent_at) if open_ else request
    return replace(
        request,
        state=settled.state,
        sent_at=sent_at,
        payment_order_id=settled.payment_order_id,
        failures=settled.failures,
        delivery_id=settled.told.id if settled.told else None,
    )


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
