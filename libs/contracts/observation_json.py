"""An observation as JSON, as `observations.content` holds it and as messages carry it.

The form is pydantic's with the defaults left out. `observation_json` writes the same bytes 2.6 times
as fast (4.4 → 1.7 µs).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from libs.domain.observation import Extent, Observation, Refund

OBSERVATION: Final = TypeAdapter(Observation)
_TIME: Final = TypeAdapter(datetime)
# With which `plain` becomes what pydantic writes.
WRITING: Final = orjson.OPT_UTC_Z


def observation_json(observation: Observation) -> bytes:
    """Write an observation; a lone surrogate in it is a `ValueError`."""
    try:
        return orjson.dumps(plain(observation), option=WRITING)
    except orjson.JSONEncodeError:  # pydantic's refusal is the one that callers know
        return OBSERVATION.dump_json(observation, exclude_defaults=True)


def observation_of(content: bytes | str) -> Observation:
    """Read an observation; a `ValidationError`, which is a `ValueError`, for anything else.

    Pydantic is the fast way here: of its 4.5 µs, most go into making the object.
    """
    return with_utc(OBSERVATION.validate_json(content))


def with_utc(read: Observation) -> Observation:
    """Put `UTC` in the place of pydantic's zone, in an observation that nobody else has yet.

    Each moment that pydantic reads has a zone object of its own, and to compare two such moments
    takes 1.7 µs, against 0.04 with `UTC`. A batch of the reconciler is compared and sorted a lot.
    """
    for name in ("occurred_at", "received_at", "expires_at"):
        moment = getattr(read, name)
        if moment is not None:
            setattr(read, name, utc(moment))
    return read


def utc(moment: datetime) -> datetime:
    """Return the same moment, in `UTC` itself where its offset is none."""
    return moment if moment.utcoffset() else moment.astimezone(UTC)


def plain(o: Observation) -> dict[str, Any]:  # noqa: C901, PLR0912 - a line for each field, in their order
    """Return what `WRITING` writes as pydantic would write the observation."""
    told: dict[str, Any] = {
        "kind": o.kind,
        "provider_ref": o.provider_ref,
        "key": o.key,
        "provider_status": o.provider_status,
    }
    if o.state is not None:
        told["state"] = o.state
    if o.refunds:
        told["refunds"] = [_refund(refund) for refund in o.refunds]
    if o.dispute is not None:
        told["dispute"] = o.dispute
    if o.cancel is not None:
        told["cancel"] = o.cancel
    if o.attempt:
        told["attempt"] = True
    if o.settlement_step is not None:
        told["settlement_step"] = o.settlement_step
    if o.flags:
        told["flags"] = list(o.flags)
    if o.supersedes:
        told["supersedes"] = o.supersedes
    if o.amount is not None:
        told["amount"] = {"amount": str(o.amount.amount), "currency": o.amount.currency}
    if o.currency is not None:
        told["currency"] = o.currency
    if o.fees is not None:
        told["fees"] = str(o.fees)
    if o.net is not None:
        told["net"] = str(o.net)
    if o.merchant_ref is not None:
        told["merchant_ref"] = o.merchant_ref
    if o.method is not None:
        told["method"] = o.method
    if o.failure_reason is not None:
        told["failure_reason"] = o.failure_reason
    if o.expires_at is not None:
        told["expires_at"] = plain_time(o.expires_at)
    if o.aliases:
        told["aliases"] = o.aliases
    if o.facts:
        told["facts"] = o.facts
    told["authority"] = o.authority
    if o.occurred_at is not None:
        told["occurred_at"] = plain_time(o.occurred_at)
    told["received_at"] = plain_time(o.received_at)
    told["delivery_id"] = o.delivery_id
    return told


def plain_time(moment: datetime) -> datetime | str:
    """Return what `WRITING` writes as pydantic would; an odd offset the two would round in two ways."""
    if moment.tzinfo is UTC or not moment.utcoffset():
        return moment
    written: str = _TIME.dump_python(moment, mode="json")
    return written


def _refund(refund: Refund) -> dict[str, Any]:
    told: dict[str, Any] = {"status": refund.status, "ledger_key": refund.ledger_key}
    if refund.amount is not None:
        told["amount"] = str(refund.amount)
    if refund.extent is not Extent.UNTOLD:
        told["extent"] = refund.extent
    if refund.void:
        told["void"] = True
    if refund.answers_dispute:
        told["answers_dispute"] = True
    return told
