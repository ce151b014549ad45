"""From a stored object and what it folds to now: the new row, and the event if there is news.

News is a difference in what is public, or another observation that decides: its times and its
delivery are public too. So the last event of an object says what its row says, but where a repeat
turns out to have been received earlier: the row then takes the earlier receipt, without an event.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import orjson

from libs.contracts.event import Event, EventData, event_of, routing_key
from libs.domain.fold import Folded
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.store.objects import OutboxRow, StoredObject

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
_BOOKKEEPING: Final = (
    "attempts",
    "settlement_step",
    "occurred_at",
    "received_at",
    "delivery_id",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A row to write, and the event to publish with it, if any."""

    row: StoredObject
    event: Event | None


def change_of(stored: StoredObject, folded: Folded) -> Change | None:
    """Compare; None where nothing changed."""
    now = _row(stored, folded)
    if any(getattr(now, name) != getattr(stored, name) for name in _NEWS):
        return _news(stored, now)
    if any(getattr(now, name) != getattr(stored, name) for name in _BOOKKEEPING):
        kept = {name: getattr(now, name) for name in _BOOKKEEPING}
        return Change(replace(stored, **kept), None)
    return None


def _news(stored: StoredObject, now: StoredObject) -> Change:
    if now.state is None:
        return Change(now, None)
    row = replace(now, sequence=stored.sequence + 1, previous_state=stored.state)
    return Change(row, event_of(event_data(row), row.sequence))


def _row(stored: StoredObject, folded: Folded) -> StoredObject:
    return replace(
        stored,
        merchant_ref=folded.merchant_ref,
        state=folded.state.value if folded.state else None,
        provider_status=folded.provider_status,
        amount=folded.amount,
        currency=folded.currency,
        refunded_amount=folded.refunded_amount,
        fees=folded.fees,
        net=folded.net,
        flags=sorted(flag.value for flag in folded.flags),
        livemode=folded.livemode,
        occurred_at=folded.occurred_at,
        received_at=folded.received_at,
        authority=folded.authority.value,
        delivery_id=folded.delivery_id,
        method=folded.method,
        failure_reason=folded.failure_reason,
        expires_at=folded.expires_at,
        attempts=folded.attempts,
        settlement_step=folded.settlement_step,
        decided_by=folded.decided_by,
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


def outbox_row(object_id: int, event: Event) -> OutboxRow:
    """Write an event as it waits for the relay."""
    return OutboxRow(
        object_id,
        event.sequence,
        routing_key(event.data),
        orjson.dumps(event.model_dump(mode="json")),
    )
