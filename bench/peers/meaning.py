"""What a webhook says, as far as the peers care: of which object, and how far it got.

One table for five providers instead of Caudal's translations. No amounts, refunds, disputes or
times; no unknown values that are kept for somebody to decide; no second look at a contradiction. A
rank that only rises stands in for the state machine. The peers so do less for each webhook than
Caudal does, and what is measured of them is in their favour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson

FORM: Final = "application/x-www-form-urlencoded"

# How far along: a row takes only what ranks higher, so that a late "pending" never undoes "paid".
RANKS: Final[Mapping[str, int]] = {
    "created": 0,
    "pending": 1,
    "in_review": 2,
    "processing": 3,
    "authorized": 4,
    "sent": 5,
    "failed": 6,
    "paid": 7,
    "given_back": 8,
}

Path = tuple[str, ...]

# Where the object's reference stands, and where its status: the first that is there counts.
_PLACES: Final[Mapping[str, tuple[Path, tuple[Path, ...]]]] = {
    "clip": (("payment_request_id",), (("resource_status",),)),
    "conectados": (("transaction_id",), (("event_type",),)),
    "mobbex": (("data", "payment", "id"), (("data", "payment", "status", "code"),)),
    "payu": (("pushPaymentId",), (("status",), ("state",))),
    "safe2pay": (("IdTransaction",), (("TransactionStatus", "Id"),)),
}

_STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "clip": {
        "CREATED": "created",
        "PENDING": "pending",
        "CANCELED": "failed",
        "CANCELLED": "failed",
        "EXPIRED": "failed",
        "COMPLETED": "paid",
        "APPROVED": "given_back",
    },
    "conectados": {
        "SALE_CONDITIONS_APPROVED": "authorized",
        "OTP_INVALID": "authorized",
        "SALE_CONDITIONS_REJECTED": "failed",
        "OTP_EXPIRED": "failed",
        "SALE_CREATED": "paid",
        "SALE_ALREADY_CREATED": "paid",
        "SALE_VOIDED": "given_back",
    },
    "mobbex": {
        **dict.fromkeys(("0", "1", "2", "201", "800"), "pending"),
        "100": "in_review",
        "3": "authorized",
        **dict.fromkeys(("400", "401", "402", "403", "410", "500", "610"), "failed"),
        **dict.fromkeys(("4", "200", "210", "299", "300", "301", "302", "303"), "paid"),
        **dict.fromkeys(("601", "602", "603", "605"), "given_back"),
    },
    "payu": {
        "AWAITING_FOR_SENT": "created",
        "AWAITING_SANCTION_SCREENING": "in_review",
        "AWAITING_TO_CANCEL": "processing",
        "SENT_FOR_CANCELLATION": "processing",
        "IN_PAYU_PROCESS": "processing",
        "IN_BANKING_PROCESS": "sent",
        "REJECTED": "failed",
        "CONFIRMED_BY_THE_BANK": "paid",
    },
    "safe2pay": {
        **dict.fromkeys(("1", "2", "11"), "pending"),
        "14": "authorized",
        **dict.fromkeys(("7", "8", "18"), "failed"),
        "3": "paid",
        **dict.fromkeys(("5", "6", "13"), "given_back"),
    },
}


class Meaning(NamedTuple):
    """What one webhook says of one object."""

    reference: str
    state: str
    rank: int


def meaning(source: str, content_type: str, body: bytes) -> Meaning | None:
    """Read a body; None where it does not name an object and a state that the table knows."""
    places = _PLACES.get(source)
    if places is None:
        return None
    at, words = places
    if content_type.startswith(FORM):
        fields = dict(parse_qsl(body.decode(errors="replace")))
        reference = fields.get(_bracketed(at))
        found = [fields.get(_bracketed(word)) for word in words]
    else:
        try:
            told = orjson.loads(body)
        except ValueError:
            return None
        reference = _inside(told, at)
        found = [_inside(told, word) for word in words]
    word = next((str(word) for word in found if word), "")
    state = _STATES[source].get(word.upper().replace(" ", "_"))
    if state is None or not isinstance(reference, str | int):
        return None
    return Meaning(str(reference), state, RANKS[state])


def _inside(told: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    for name in path:
        if not isinstance(told, dict):
            return None
        told = told.get(name)
    return told


def _bracketed(path: Path) -> str:
    """Name a field as forms do: data[payment][id]."""
    return path[0] + "".join(f"[{name}]" for name in path[1:])
