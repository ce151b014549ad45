"""Asking about one object at once, for an operator: the same question, the same way in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome as Published
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Kind
from libs.providers.asking import (
    FailedQueryError,
    LimitedError,
    NotAskableError,
    NotAuthorizedError,
    NotThereError,
    Wanted,
)
from libs.providers.clients import CLIENTS
from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.database import Pool, session
from libs.store.objects import ObjectKey, StoredObject
from libs.store.on_record import batch_on_record
from libs.store.overdue import object_now
from libs.store.polls import other_names
from services.reconciler.polling.access import Access, Reach
from services.reconciler.polling.question import Outcome, ask

POLL: Final = 1  # tenths of a second between looks whether it is folded


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """One object, before and after. `after` is as it stood when the wait was over."""

    key: ObjectKey
    before: StoredObject | None
    after: StoredObject | None
    answers: int
    folded: bool


def reach_of(access: Access, source: str) -> Reach:
    """Return how a source is asked, or raise `PermanentError` with why it cannot be."""
    told = access.sources.by_slug.get(source)
    if told is None:
        raise PermanentError(f"the sources file has no source {source}")
    reach = access.reach(source, told.provider)
    if reach is None:
        why = "has no `api`" if told.provider in CLIENTS else "has no query that is known"
        raise PermanentError(f"{source} cannot be asked: it {why}; ask a person")
    return reach


async def found_by(reach: Reach, merchant_ref: str) -> tuple[str, ...]:
    """Ask which objects have a merchant's reference. Raises the reason where it failed."""
    try:
        return await reach.find(merchant_ref)
    except NotThereError:
        raise PermanentError("the provider knows no object with this reference") from None
    except NotAuthorizedError:
        raise PermanentError("the credentials were not accepted") from None
    except LimitedError:
        raise TemporaryError("too much was asked; later again") from None
    except (NotAskableError, FailedQueryError) as error:
        raise PermanentError(str(error)) from None


async def poll_now(
    pool: Pool, publisher: Publishing, reach: Reach, ref: str, *, within: float
) -> ByHand:
    """Ask, bring the answer in, and wait until it is folded. Raises the reason where it failed."""
    key = ObjectKey(reach.source, Kind.PAYMENT.value, ref)
    if not reach.client.askable(ref):
        raise PermanentError(f"{reach.provider} has no query for {ref}")
    found = await object_now(pool, key)
    before = None if found is None else found[0]
    names = {} if before is None else await other_names(pool, [before.id])
    others = () if before is None else names.get(before.id, ())
    result = await ask(reach, Wanted(provider_ref=ref, names=others))
    if result.outcome is not Outcome.ANSWERED:
        raise PermanentError(f"{reach.source} was not answered ({result.outcome}): {result.why}")
    message = webhook_received.encode(result.deliveries)
    if await deliver(publisher, message) is not Published.CONFIRMED:
        raise TemporaryError("the broker did not take the answer")
    folded = await _taken(pool, result.deliveries, within)
    now = await object_now(pool, key)
    return ByHand(
        key=key,
        before=before,
        after=None if now is None else now[0],
        answers=len(result.deliveries),
        folded=folded,
    )


async def _taken(pool: Pool, deliveries: Sequence[Delivery], within: float) -> bool:
    """Wait until it is on record what became of them; False where that takes too long."""
    wanted = [(each.id, each.received_at, each.source) for each in deliveries]
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        async with session(pool) as connection:
            told = (await batch_on_record(connection, wanted, (), (), most=0)).told
        if told.issuperset(each.id for each in deliveries):
            return True
        if loop.time() >= until:
            return False
        await asyncio.sleep(POLL / 10)
