"""Clip, Mexico: the Checkout webhook, which tells a time of everything and no amount at all.

https://developer.clip.mx/reference/checkout-webhook (full body) and
https://developer.clip.mx/reference/webhookshxo (short body). A refund's sum is not told either, so
after REFUND APPROVED the payment stays paid and somebody has to ask how much went back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from services.simulator.bodies import as_json, cut_short, utc
from services.simulator.lives import (
    Back,
    Body,
    Ends,
    Known,
    Life,
    Malformed,
    Notice,
    Path,
    Retries,
)
from services.simulator.names import Names

CREATED: Final = "CHECKOUT CREATED"
PENDING: Final = "CHECKOUT PENDING"
COMPLETED: Final = "CHECKOUT COMPLETED"
CANCELED: Final = "CHECKOUT CANCELED"
EXPIRED: Final = "CHECKOUT EXPIRED"
DISPUTED: Final = "REFUND CREATED"
REFUNDED: Final = "REFUND APPROVED"
KEPT: Final = "REFUND DECLINED"
SHORT: Final = "UPDATE"

# The field that tells when.
_TIME: Final[Mapping[str, str]] = {
    CREATED: "created_at",
    PENDING: "declined_at",
    COMPLETED: "completed_at",
    CANCELED: "cancelled_at",
    EXPIRED: "expired_at",
    DISPUTED: "created_at",
    REFUNDED: "completed_at",
    KEPT: "declined_at",
}
STEP: Final = timedelta(minutes=7)


class _Clip:
    slug: Final = "clip"
    success: Final = 200
    retries: Final = Retries()
    takes_the_unreadable: Final = True
    paths: Final = (
        Path(steps=(CREATED, COMPLETED), state="paid", weight=8),
        Path(steps=(CREATED, PENDING, COMPLETED), state="paid", weight=4),
        Path(steps=(CREATED, SHORT, COMPLETED), state="paid", weight=2),
        Path(steps=(CREATED, PENDING, CANCELED), state="canceled", weight=2),
        Path(steps=(CREATED, EXPIRED), state="expired", weight=2),
        Path(steps=(CREATED, EXPIRED, COMPLETED), state="paid"),  # late: money beats the expiry
        Path(steps=(CREATED,), state="created"),
        Path(steps=(CREATED, PENDING), state="pending"),
        Path(steps=(CREATED, COMPLETED, DISPUTED), state="disputed"),
        Path(steps=(CREATED, COMPLETED, DISPUTED, KEPT), state="paid"),
        Path(steps=(CREATED, COMPLETED, REFUNDED), state="paid", back=Back.UNTOLD),
    )

    def live(self, path: Path, names: Names, chance: Random, born: datetime) -> Life:
        method = chance.choice(("CARD", "CARD", "CASH"))
        notices = []
        for number, step in enumerate(path.steps):
            if step == SHORT:
                short = {"id": names.uuid("payment"), "origin": "checkout-api", "event_type": step}
                notices.append(Notice(as_json(short), silent=True))
            else:
                at = born + number * STEP
                notices.append(Notice(as_json(_notice(names, step, at, born, method))))
        refunded = None if path.back is Back.UNTOLD else Decimal(0)
        ends = Ends("payment", names.uuid("payment"), path.state, None, None, refunded)
        return Life(path, tuple(notices), ends, _known(path, names, born, ends))

    def unknown(self, names: Names, chance: Random, born: datetime) -> Body:
        status = chance.choice(("ON_HOLD", "UNDER_REVIEW", "PAUSED"))
        return as_json(_notice(names, f"CHECKOUT {status}", born, born, "CARD"))

    def malformed(self, names: Names, chance: Random, born: datetime) -> Malformed:
        whole = _notice(names, COMPLETED, born, born, "CARD")
        return Malformed(
            chance.choice(
                (
                    cut_short(as_json(whole), chance),
                    as_json(whole | {"payment_request_id": names.number}),
                    as_json({name: whole[name] for name in whole if name != "payment_request_id"}),
                )
            )
        )


def _known(path: Path, names: Names, born: datetime, ends: Ends) -> Known:
    """Clip's API tells the amounts. That a customer disputes a charge it does not tell."""
    amount = names.cents("amount", 50, 90_000)
    asked = replace(ends, amount=amount, currency="MXN", refunded=Decimal(0))
    parts: dict[int, Decimal] = {}
    if path.back is Back.UNTOLD:
        whole = names.number % 2 == 0
        back = amount if whole else (amount * 30 / 100).quantize(amount)
        parts = {path.steps.index(REFUNDED): back}
        state = "refunded" if whole else "partially_refunded"
        asked = replace(asked, state=state, refunded=back)
    return Known(
        path=path, names=names, born=born, amount=amount, asked=asked, parts=parts,
        unseen={DISPUTED: replace(asked, state="paid")} if DISPUTED in path.steps else {},
    )  # fmt: skip


def _notice(names: Names, step: str, at: datetime, born: datetime, method: str) -> dict[str, Any]:
    resource, _, status = step.partition(" ")
    paid = step in {PENDING, COMPLETED}
    told: dict[str, Any] = {
        "id": names.uuid(step),
        "api_version": "1.0",
        "payment_request_id": names.uuid("payment"),
        "transaction_id": names.uuid("transaction"),
        "resource": resource,
        "resource_status": status,
        "detail_type": "Payment Request Created" if step == CREATED else None,
        "attempts": 1,
        "sent_date": utc(at + timedelta(seconds=2)),
        "created_at": utc(born),
        "completed_at": None,
        "expires_at": utc(born + timedelta(days=3)) if resource == "CHECKOUT" else None,
        "cancelled_at": None,
        "expired_at": None,
        "declined_at": None,
        "payment_date": None,
        "me_reference_id": names.reference,
        "receipt_no": names.word("receipt", 7) if paid else None,
        "payment_type": method if paid else None,
        "barcode": None,
        "customer_email": None,
    }
    if step in _TIME:
        told[_TIME[step]] = utc(at)
    return told


SIMULATION: Final = _Clip()
