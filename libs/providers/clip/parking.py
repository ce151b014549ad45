"""Why a body from Clip is parked, and which word of it is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from libs.contracts.readings import ParkReason, Unknown, shown
from libs.providers.clip.wire import CheckoutNotice
from libs.providers.reading import Json
from libs.providers.tolerance import blamed

# Clip's account-wide "Postback" webhook keeps its status at the top or in one of these.
_POSTBACK_PARTS: Final = ("payment_detail", "payment_request_detail")


def undecidable(body: Mapping[str, Json], broken: tuple[str, ...]) -> Unknown:
    """Park a full body whose payment, resource or status cannot be read."""
    if "payment_request_id" in broken:
        return bad_identity("payment_request_id", body)
    field = next((name for name in ("resource", "resource_status") if name in broken), None)
    if field is None:
        return _parked(ParkReason.MALFORMED, "missing or blank", "resource_status", None)
    return _parked(ParkReason.MALFORMED, "not a string", field, body[field])


def bad_identity(field: str, body: Mapping[str, Json]) -> Unknown:
    """Park a body whose payment is not named, or not by a UUID."""
    if field not in body:
        return _parked(ParkReason.NO_IDENTITY, "names no payment", field, None)
    return _parked(ParkReason.MALFORMED, "not a UUID", field, body[field])


def unknown_pair(notice: CheckoutNotice, *, known_resource: bool) -> Unknown:
    """Park a full body with a resource or a status that no table has."""
    resource, status = notice.resource.strip(), notice.resource_status.strip()
    field, word = ("resource_status", status) if known_resource else ("resource", resource)
    detail = f"no mapping for {shown(f'{resource} {status}')}"
    return _parked(ParkReason.UNKNOWN_VALUE, detail, field, word)


def neither(body: Mapping[str, Json]) -> Unknown:
    """Park what is neither the full nor the short body."""
    status = flat_status(body)
    if "payment_request_id" in body and status is not None:
        return foreign("a status without a resource", status, body[status])
    if "resource" in body and "resource_status" in body:
        return bad_identity("payment_request_id", body)
    origin = body.get("origin")
    if "id" in body and isinstance(origin, str):
        detail = "the short body of another product"
        return _parked(ParkReason.UNKNOWN_VALUE, detail, "origin", origin.strip())
    for part in _POSTBACK_PARTS:
        inner = body.get(part)
        if isinstance(inner, dict) and inner.get("status") is not None:
            return foreign("a Postback of another product", f"{part}.status", inner["status"])
    if status is not None:
        detail = "a Postback of another product" if "merch_inv_id" in body else "no payment"
        return foreign(detail, status, body[status])
    return foreign("neither of the two documented bodies")


def flat_status(body: Mapping[str, Json]) -> str | None:
    """Return the name of the top-level field that holds a status, if one does."""
    return next((name for name in ("resource_status", "status") if name in body), None)


def foreign(detail: str, field: str | None = None, value: Json = None) -> Unknown:
    """Park what is readable, but not this webhook's."""
    return _parked(ParkReason.FOREIGN_SHAPE, detail, field, value)


def _parked(reason: ParkReason, detail: str, field: str | None, value: Json) -> Unknown:
    return Unknown(reason=reason, detail=detail, field=field, value=blamed(value))
