"""From a stored object and what it folds to now: the new row, and the event if there is news.

News is a difference in what is public, or another observation that decides: its times and its
delivery are public too. So the last event of an object says what its row says, but where a repeat
turns out to have been received earlier: the row then takes the earlier receipt, without an event.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from libs.contracts.event import EventData
from libs.domain.fold import Folded
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.store.objects import OutboxRow, StoredObject
from services.reconciler.event_json import event_json

_NEWS: Final = (
    "merchant_ref",
    "state",
    "provider_status",
    "amount",
    "currency",
    "refunded_amount",
    "fees",
    "net",
    "flags",
    "livemode",
    "authority",
    "method",
    "failure_reason",
    "expires_at",
    "decided_by",
)
_UNCORROBORATED: Final = Flag.UNCORROBORATED.value
_BOOKKEEPING: Final = (
    "attempts",
    "settlement_step",
    "occurred_at",
    "received_at",
    "delivery_id",
)


_news_of: Final = attrgetter(*_NEWS)
_bookkeeping_of: Final = attrgetter(*_BOOKKEEPING)


@dataclass(frozen=True, slots=True)
class Change:
    """A row to write; `news` says that an event tells of it."""

    row: StoredObject
    news: bool


def change_of(stored: StoredObject, folded: Folded, holds: Collection[str] = ()) -> Change | None:
    """Compare; None where nothing changed.

    `holds` are the sources whose uncorroborated money is not told: the row says it, no event does. What
    was held is told with the next news that is not to be held, after the state that was told last.
    """
    now = _row(stored, folded)
    if _news_of(now) != _news_of(stored):
        if now.state is None:
            return Change(now, news=False)
        now.previous_state = stored.previous_state if stored.held else stored.state
        now.held = now.source in holds and _UNCORROBORATED in now.flags
        if now.held:
            return Change(now, news=False)
        now.sequence += 1
        return Change(now, news=True)
    if _bookkeeping_of(now) != _bookkeeping_of(stored):
        kept = {name: getattr(now, name) for name in _BOOKKEEPING}
        return Change(replace(stored, **kept), news=False)
    return None


def _row(stored: StoredObject, folded: Folded) -> StoredObject:
    return StoredObject(
        id=stored.id,
        source=stored.source,
        kind=stored.kind,
        provider_ref=stored.provider_ref,
        provider=stored.provider,
        merchant_ref=folded.merchant_ref,
        state=folded.state.value if folded.state else None,
        previous_state=stored.previous_state,
        provider_status=folded.provider_status,
        amount=folded.amount,
        currency=folded.currency,
        refunded_amount=folded.refunded_amount,
        fees=folded.fees,
        net=folded.net,
        flags=sorted(flag.value for flag in folded.flags) if folded.flags else [],
        livemode=folded.livemode,
        occurred_at=folded.occurred_at,
        received_at=folded.received_at,
        authority=folded.authority.value,
        delivery_id=folded.delivery_id,
        method=folded.method,
        failure_reason=folded.failure_reason,
        expires_at=folded.expires_at,
        sequence=stored.sequence,
        attempts=folded.attempts,
        settlement_step=folded.settlement_step,
        decided_by=folded.decided_by,
        held=stored.held,
        version=stored.version,
    )


def event_data(row: StoredObject) -> EventData:
    """Return the public view of a row whose state is known."""
    if row.state is None or row.occurred_at is None or row.received_at is None:
        raise ValueError("nothing has been said about the state of this object")
    return EventData(
        source=row.source,
        provider=row.provider,
        kind=Kind(row.kind),
        provider_ref=row.provider_ref,
        merchant_ref=row.merchant_ref,
        state=State(row.state),
        previous_state=State(row.previous_state) if row.previous_state else None,
        provider_status=row.provider_status or "",
        amount=row.amount,
        currency=row.currency,
        refunded_amount=row.refunded_amount,
        fees=row.fees,
        net=row.net,
        flags=tuple(Flag(flag) for flag in row.flags),
        livemode=row.livemode,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        authority=Authority(row.authority or ""),
        delivery_id=row.delivery_id or "",
        method=row.method,
        failure_reason=row.failure_reason,
        expires_at=row.expires_at,
    )


def outbox_row(row: StoredObject) -> OutboxRow:
    """Write the event of a row as it waits for the relay."""
    routing_key = f"{row.kind}.{row.state}.{row.provider}"
    return OutboxRow(row.id, row.sequence, routing_key, event_json(row))
