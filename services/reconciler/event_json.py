"""A row's event as the bytes that are published, without making an `Event` of it.

The same bytes as `orjson.dumps(event_of(event_data(row), row.sequence).model_dump(mode="json"))`,
which takes 25 µs where this takes 4; tests/contract holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import orjson

from libs.contracts.event import DATA_SCHEMA, amount_text, event_id
from libs.store.objects import StoredObject


def event_json(row: StoredObject) -> bytes:
    """Write the event that tells of this row; `ValueError` where its state is not known."""
    if row.state is None or row.occurred_at is None or row.received_at is None:
        raise ValueError("nothing has been said about the state of this object")
    key = f"{row.source}/{row.kind}/{row.provider_ref}"
    occurred_at = _utc(row.occurred_at)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id(key, row.sequence),
            "source": f"/caudal/{row.source}",
            "type": f"caudal.{row.kind}.{row.state}.v1",
            "subject": f"{row.kind}/{row.provider_ref}",
            "time": occurred_at,
            "datacontenttype": "application/json",
            "dataschema": DATA_SCHEMA,
            "partitionkey": key,
            "sequence": row.sequence,
            "data": {
                "source": row.source,
                "provider": row.provider,
                "kind": row.kind,
                "provider_ref": row.provider_ref,
                "merchant_ref": row.merchant_ref,
                "state": row.state,
                "previous_state": row.previous_state,
                "provider_status": row.provider_status or "",
                "amount": _text(row.amount),
                "currency": row.currency,
                "refunded_amount": _text(row.refunded_amount),
                "fees": _text(row.fees),
                "net": _text(row.net),
                "flags": row.flags,
                "livemode": row.livemode,
                "occurred_at": occurred_at,
                "received_at": _utc(row.received_at),
                "authority": row.authority or "",
                "delivery_id": row.delivery_id or "",
                "method": row.method,
                "failure_reason": row.failure_reason,
                "expires_at": None if row.expires_at is None else _utc(row.expires_at),
            },
        },
        option=orjson.OPT_UTC_Z,
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else amount_text(amount)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
