"""A cancel is on record before it is sent: how a payout ends is read otherwise where one was asked for.

The delivery that tells of it is held back while the call is under way. An answer takes it out, and what
PayU accepted is told instead. Without an answer it is told as it is, and so it is in the end where
nobody lives to see to it: a rejection of the payout counts as a cancel then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.api.repeating import repeated
from libs.contracts.delivery import Delivery
from libs.providers.payu import own_calls, validation
from libs.providers.payu.client import PayU
from libs.providers.payu.requests import CancelRequest
from libs.providers.payu.wire import identity
from libs.runtime.failures import TemporaryError
from libs.store import to_be_told as store
from libs.store.database import Pool
from services.payouts.attempt import Attempt, NotOnRecordError
from services.payouts.connection import PROVIDER
from services.payouts.telling import own_delivery

_WHO_ASKS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
HELD: Final = timedelta(minutes=10)  # more than a call takes, with everything that is repeated


async def cancel(  # noqa: PLR0913, PLR0917 - the ends of it, and what is asked
    pool: Pool,
    payu: PayU,
    source: str,
    order: str,
    request: CancelRequest,
    now: Callable[[], datetime],
    *,
    attempt: Attempt | None = None,
) -> str | None:
    """Ask PayU for a cancel, which it looks at later; return what it says. To ask twice is safe.

    Raises `NotOnRecordError` where it was answered and that could not be put on record; the attempt
    stays there. `UnansweredError`: it may have been accepted.
    """
    attempt = attempt or Attempt()
    validation.cancel(request)
    await payu.authenticate()
    sent_at = now()
    body = own_calls.bare_body(order, sent_at)
    held = own_delivery(source, PROVIDER, own_calls.CANCEL_SENT, body, sent_at)
    try:
        await store.hold_back(pool, held, sent_at + HELD)
    except BaseException:  # it may be on record all the same, and nothing is sent
        with suppress(Exception):
            await store.tell_instead(pool, held.id, None)
        raise
    attempt.sent = True
    try:
        said = await payu.cancel(order, request)
    except UnansweredError:
        with suppress(TemporaryError):  # then it goes by itself
            await store.let_go(pool, held.id)
        raise
    except (UnsentError, RefusedError) as error:
        attempt.sent = False
        with suppress(TemporaryError):  # what PayU said is worth more than that it is not on record
            await _instead(pool, held, None)
            if isinstance(error, RefusedError) and _about_the_payout(error):
                await _withdraw(pool, source, order)
        raise
    attempt.orders.append(order)
    accepted = own_delivery(source, PROVIDER, own_calls.CANCEL_REQUESTED, body, now())
    try:
        await _instead(pool, held, accepted)
    except TemporaryError:
        raise NotOnRecordError([order]) from None
    return said.message


def _about_the_payout(error: RefusedError) -> bool:
    """Whether a refusal is about the payout, and not about who asks, or how often."""
    return not error.passing and error.status not in _WHO_ASKS


async def _withdraw(pool: Pool, source: str, order: str) -> None:
    """Take out what waits to be told of earlier cancels of this payout that were not answered."""
    payout = identity(order)
    await store.withdraw(
        pool, source, own_calls.CANCEL_SENT, lambda body: own_calls.payout_of(body) == payout
    )


async def _instead(pool: Pool, held: Delivery, delivery: Delivery | None) -> None:
    await repeated(
        lambda: store.tell_instead(pool, held.id, delivery),
        lambda error: isinstance(error, TemporaryError),
    )
