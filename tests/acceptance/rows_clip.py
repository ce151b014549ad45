"""Clip's statuses, as its documentation has them, and what must become of each.

Sources: https://developer.clip.mx/reference/checkout-webhook (the body with 21 fields),
https://developer.clip.mx/reference/webhookshxo (the body with three).
"""

from collections.abc import Mapping
from typing import Unpack

from tests.acceptance.rows import More, Row, Step, identifier, make

CREATED = "2025-03-01T10:00:00Z"
SENT = "2025-03-01T18:30:00Z"
News = tuple[str, str, str] | tuple[str, str, str, Mapping[str, object]]
WHEN = {  # where each status carries its time
    "CREATED": "created_at",
    "PENDING": "declined_at",
    "COMPLETED": "completed_at",
    "CANCELED": "cancelled_at",
    "CANCELLED": "cancelled_at",
    "EXPIRED": "expired_at",
    "APPROVED": "completed_at",
    "DECLINED": "declined_at",
}


def full(
    name: str, resource: str, status: str, at: str = SENT, **fields: object
) -> dict[str, object]:
    """Return the long body; `at` stands in the field that belongs to the status."""
    body = {
        "id": identifier(name, resource, status, at),
        "api_version": "1.0",
        "payment_request_id": identifier(name),
        "transaction_id": identifier(name, "transaction"),
        "resource": resource,
        "resource_status": status,
        "detail_type": "Payment Request Created",
        "attempts": 1,
        "sent_date": SENT,
        "created_at": CREATED,
        "completed_at": None,
        "expires_at": "2025-03-04T10:00:00Z",
        "cancelled_at": None,
        "expired_at": None,
        "declined_at": None,
        "payment_date": None,
        "me_reference_id": "TDP-007",
        "receipt_no": None,
        "payment_type": None,
        "barcode": None,
        "customer_email": None,
    }
    body[WHEN.get(status.strip().upper(), "payment_date")] = at
    return body | fields


def row(name: str, *bodies: object, **more: Unpack[More]) -> Row:
    return make(name, bodies, more, provider="clip", kind="payment", reference=identifier(name))


def checkout(name: str, *news: News, **more: Unpack[More]) -> Row:
    """Return a row of long bodies: each of `news` is (resource, status, time[, fields])."""
    bodies = [full(name, *told[:3]) | dict(told[3] if len(told) > 3 else {}) for told in news]
    return row(name, *bodies, **more)


def unknown(name: str, body: object, **fields: object) -> Row:
    return row(name, body, parked=[fields])


def short(name: str, event: str, **fields: object) -> dict[str, object]:
    return {"id": identifier(name), "origin": "checkout-api", "event_type": event} | fields


PAID_AT = "2025-03-01T12:00:00Z"
PAID = ("CHECKOUT", "COMPLETED", PAID_AT, {"receipt_no": "6gXh2bt", "payment_type": "CARD"})
DISPUTE_AT = "2025-03-05T09:00:00Z"
DISPUTE = ("REFUND", "CREATED", DISPUTE_AT)
EXPIRED = ("CHECKOUT", "EXPIRED", "2025-03-04T10:00:00Z")

ROWS = [
    checkout(
        "created",
        ("CHECKOUT", "CREATED", CREATED),
        expect={
            "state": "created",
            "occurred_at": CREATED,
            "merchant_ref": "TDP-007",
            "amount": None,
            "previous_state": None,
            "authority": "secret",
            "livemode": True,
            "flags": [],
            "expires_at": "2025-03-04T10:00:00Z",
        },
    ),
    checkout(
        "pending by card",
        ("CHECKOUT", "PENDING", PAID_AT, {"payment_type": "CARD"}),
        expect={"state": "pending", "attempts": 1, "occurred_at": PAID_AT},
    ),
    checkout(
        "pending in cash",
        ("CHECKOUT", "PENDING", PAID_AT, {"payment_type": "CASH", "barcode": "9" * 28}),
        expect={"state": "pending", "attempts": 0},
    ),
    checkout("completed", PAID, expect={"state": "paid", "occurred_at": PAID_AT, "flags": []}),
    checkout(
        "completed unsigned",
        PAID,
        expect={"state": "paid", "authority": "unsigned", "flags": ["uncorroborated"]},
        secret=False,
    ),
    checkout(
        "canceled",
        ("CHECKOUT", "CANCELED", PAID_AT),
        expect={"state": "canceled", "occurred_at": PAID_AT},
    ),
    checkout("cancelled", ("CHECKOUT", "CANCELLED", PAID_AT), expect={"state": "canceled"}),
    row(
        "canceled at with one l",
        full("canceled at with one l", "CHECKOUT", "CANCELED", PAID_AT)
        | {"canceled_at": PAID_AT, "cancelled_at": None},
        expect={"state": "canceled", "occurred_at": PAID_AT},
    ),
    checkout("expired", EXPIRED, expect={"state": "expired", "occurred_at": EXPIRED[2]}),
    checkout("dispute", PAID, DISPUTE, expect={"state": "disputed", "previous_state": "paid"}),
    checkout("dispute told first", DISPUTE, PAID, expect={"state": "disputed"}),
    checkout(
        "refund approved",
        PAID,
        ("REFUND", "APPROVED", DISPUTE_AT),
        expect={"state": "paid", "flags": ["verify"], "refunded_amount": None},
    ),
    checkout(
        "dispute declined",
        PAID,
        DISPUTE,
        ("REFUND", "DECLINED", "2025-03-09T09:00:00Z"),
        expect={"state": "paid", "flags": []},
    ),
    checkout(
        "dispute declined told first",
        ("REFUND", "DECLINED", "2025-03-09T09:00:00Z"),
        DISPUTE,
        PAID,
        expect={"state": "paid", "flags": []},
    ),
    checkout("lower case", ("checkout", " completed ", PAID_AT), expect={"state": "paid"}),
    checkout(
        "paid late",
        EXPIRED,
        ("CHECKOUT", "COMPLETED", "2025-03-04T12:00:00Z"),
        expect={"state": "paid", "flags": ["late"]},
    ),
    checkout(
        "canceled before paid told late",
        PAID,
        ("CHECKOUT", "CANCELED", "2025-03-01T11:00:00Z"),
        expect={"state": "paid", "flags": ["late"]},
    ),
    checkout(
        "canceled after paid",
        PAID,
        ("CHECKOUT", "CANCELED", "2025-03-01T13:00:00Z"),
        expect={"state": "paid", "flags": ["conflict"]},
    ),
    checkout(
        "canceled and expired",
        ("CHECKOUT", "CANCELED", "2025-03-01T13:00:00Z"),
        EXPIRED,
        expect={"state": "canceled", "flags": ["conflict"]},
    ),
    checkout(
        "sent again",
        PAID,
        (*PAID[:3], {"attempts": 2, "sent_date": "2025-03-02T00:00:00Z"}),
        expect={"state": "paid", "sequence": 1},
    ),
    checkout("pending after paid", PAID, ("CHECKOUT", "PENDING", SENT), expect={"state": "paid"}),
    checkout(
        "fraction and offset",
        ("CHECKOUT", "COMPLETED", "2025-03-01T06:00:00.250-06:00"),
        expect={"state": "paid", "occurred_at": "2025-03-01T12:00:00.250+00:00"},
    ),
    checkout(
        "time of sending",
        ("CHECKOUT", "COMPLETED", PAID_AT, {"completed_at": None}),
        expect={"state": "paid", "occurred_at": SENT},
    ),
    checkout(
        "from the future",
        ("CHECKOUT", "COMPLETED", "2090-01-01T00:00:00Z"),
        expect={"state": "paid", "flags": ["clock"], "occurred_at": "receipt"},
    ),
    checkout(
        "upper case id",
        (*PAID[:3], {"payment_request_id": identifier("upper case id").upper()}),
        expect={"state": "paid"},
    ),
    checkout(
        "no reference",
        (*PAID[:3], {"me_reference_id": None}),
        expect={"state": "paid", "merchant_ref": None},
    ),
    checkout(
        "reference is json",
        (*PAID[:3], {"me_reference_id": '{"order": 7, "ñ": "é"}'}),
        expect={"merchant_ref": '{"order": 7, "ñ": "é"}'},
    ),
    row(
        "any content type",
        Step(full("any content type", *PAID[:3]), {"Content-Type": "text/plain;charset=us-ascii"}),
        expect={"state": "paid"},
    ),
    row("poke insert", short("poke insert", "INSERT")),
    row("poke update", short("poke update", "UPDATE", status="COMPLETED", amount=10)),
    row("poke anything", short("poke anything", "SOMETHING")),
    unknown("other pair", full("x1", "CHECKOUT", "APPROVED"), reason="unknown_value"),
    unknown("refund pair", full("x2", "REFUND", "COMPLETED"), reason="unknown_value"),
    unknown("other resource", full("x3", "PAYOUT", "CREATED"), reason="unknown_value"),
    unknown(
        "other origin",
        {
            "id": identifier("x4"),
            "origin": "pinpad-payments-api",
            "event_type": "PINPAD_INTENT_STATUS_CHANGED",
        },
    ),
    unknown("postback", {"status": "PAID", "merch_inv_id": "A-1", "amount": 10}),
    unknown("no resource", {"payment_request_id": identifier("x5"), "status": "COMPLETED"}),
    unknown("invented", {"type": "payment.paid", "data": {"id": "1"}}),
]
