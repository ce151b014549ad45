"""PayU's two status fields, alone and together, and what must become of each.

Source: https://developers.payulatam.com, pages "Payouts" and "Payouts API".
"""

from typing import Unpack

from tests.acceptance.rows import FORM, More, Row, Step, form, identifier, make

CREATED_MS = 1_740_000_000_123


def notice(
    name: str, state: str | None = None, status: str | None = None, **fields: object
) -> dict[str, object]:
    return {
        "pushPaymentId": identifier(name),
        "creationDate": CREATED_MS,
        "value": 1500000.5,
        "currency": "COP",
        "state": state,
        "status": status,
        "errorCode": None,
        "errorMessage": None,
        "supplierBankAccountId": identifier(name, "account"),
        "fullName": "Proveedor Uno SAS",
        "country": "CO",
        "documentNumber": "900123456-7",
        "validationState": None,
        "dateOfTheNextValidation": None,
    } | fields


def row(name: str, *bodies: object, **more: Unpack[More]) -> Row:
    return make(name, bodies, more, provider="payu", kind="payout", reference=identifier(name))


def pairs(name: str, *told: tuple[str | None, str | None], **more: Unpack[More]) -> Row:
    """Return a row of notices, each with its (state, status)."""
    return row(name, *(notice(name, state, status) for state, status in told), **more)


ORDER = {
    "REQUEST_BY_THE_MERCHANT": "created",
    "IN_VALIDATION": "in_review",
    "IN_PAYU_PROCESS": "processing",
    "AWAITING_BANK_SENT": "processing",
    "IN_BANKING_PROCESS": "sent",
    "CONFIRMED_BY_THE_BANK": "paid",
    "REJECTED": "rejected",
}
PAYOUT = {
    "AWAITING_SANCTION_SCREENING": "in_review",
    "AWAITING_FOR_SENT": "created",
    "SENT_TO_CREATE": "created",
    "CREATED": "created",
    "AWAITING_TO_CANCEL": "cancel_requested",
    "SENT_FOR_CANCELLATION": "cancel_requested",
    "CANCELLATION_FAILED": "processing",
    "REJECTED": "rejected",
}
TABLES = [
    *(
        pairs(
            f"status {word}",
            (None, word),
            expect={
                "state": state,
                "flags": [],
                "occurred_at": "receipt",
                "amount": "1500000.50",
                "currency": "COP",
                "merchant_ref": None,
            },
        )
        for word, state in ORDER.items()
    ),
    *(
        pairs(f"state {word}", (word, None), expect={"state": state, "flags": []})
        for word, state in PAYOUT.items()
    ),
    pairs(
        "completed without status",
        ("PROCESSING_COMPLETED", None),
        expect={"state": "processing", "flags": ["verify"]},
    ),
]
PAIRS = [
    pairs(
        "final status decides",
        ("PROCESSING_COMPLETED", "CONFIRMED_BY_THE_BANK"),
        expect={"state": "paid", "flags": []},
    ),
    pairs(
        "completed and rejected",
        ("PROCESSING_COMPLETED", "REJECTED"),
        expect={"state": "rejected", "flags": []},
    ),
    pairs(
        "status before state",
        ("REJECTED", "CONFIRMED_BY_THE_BANK"),
        expect={"state": "paid"},
    ),
    pairs(
        "cancel beats process",
        ("AWAITING_TO_CANCEL", "IN_PAYU_PROCESS"),
        expect={"state": "cancel_requested"},
    ),
    pairs("refused in process", ("REJECTED", "IN_PAYU_PROCESS"), expect={"state": "rejected"}),
    pairs(
        "sent and completed",
        ("PROCESSING_COMPLETED", "IN_BANKING_PROCESS"),
        expect={"state": "sent", "flags": ["verify"]},
    ),
    pairs("held wins", ("AWAITING_TO_CANCEL", "IN_BANKING_PROCESS"), expect={"state": "sent"}),
    pairs("review wins", ("CREATED", "IN_VALIDATION"), expect={"state": "in_review"}),
    pairs("words with spaces", ("Awaiting for sent", None), expect={"state": "created"}),
    pairs("words with hyphens", (None, " in-payu-process "), expect={"state": "processing"}),
    row(
        "as a form",
        Step(form(notice("as a form", "CREATED", "IN_VALIDATION", value="1500000.00")), FORM),
        expect={"state": "in_review", "amount": "1500000", "currency": "COP"},
    ),
    row(
        "event in the path",
        Step(notice("event in the path", "AWAITING_FOR_SENT"), suffix="/VALIDATION_RESULT"),
        expect={"state": "created"},
    ),
    row(
        "event in the query",
        Step(notice("event in the query", "AWAITING_FOR_SENT"), suffix="?event=TRANSFER_UPDATE"),
        expect={"state": "created"},
    ),
    row(
        "why it failed",
        notice("why it failed", "REJECTED", errorCode="R03", errorMessage="No account"),
        expect={"state": "rejected"},
    ),
    row(
        "unknown status known state",
        notice("unknown status known state", "CREATED", "WHO_KNOWS"),
        expect={"state": "created"},
        parked=[{"reason": "unknown_value", "field": "status"}],
    ),
    row(
        "unknown state known status",
        notice("unknown state known status", "WHO_KNOWS", "IN_VALIDATION"),
        expect={"state": "in_review"},
        parked=[{"reason": "unknown_value", "field": "state"}],
    ),
    row(
        "unknown state",
        notice("unknown state", "WHO_KNOWS"),
        parked=[{"reason": "unknown_value", "field": "state"}],
    ),
    row("no id", notice("no id", "CREATED") | {"pushPaymentId": None}, parked=[{}]),
]
HISTORIES = [
    pairs(
        "cancel granted",
        ("AWAITING_TO_CANCEL", None),
        ("REJECTED", None),
        expect={"state": "canceled", "flags": []},
    ),
    pairs(
        "cancel granted told backwards",
        ("REJECTED", None),
        ("SENT_FOR_CANCELLATION", None),
        expect={"state": "canceled"},
    ),
    pairs(
        "cancel refused",
        ("AWAITING_TO_CANCEL", None),
        ("CANCELLATION_FAILED", None),
        ("REJECTED", None),
        expect={"state": "rejected"},
    ),
    pairs(
        "cancel refused and paid",
        ("SENT_FOR_CANCELLATION", None),
        ("CANCELLATION_FAILED", None),
        ("PROCESSING_COMPLETED", "CONFIRMED_BY_THE_BANK"),
        expect={"state": "paid", "flags": []},
    ),
    pairs(
        "back to review",
        (None, "IN_PAYU_PROCESS"),
        (None, "IN_VALIDATION"),
        expect={"state": "in_review"},
    ),
    pairs(
        "a loop collapses",
        (None, "IN_VALIDATION"),
        (None, "IN_PAYU_PROCESS"),
        (None, "IN_VALIDATION"),
        expect={"state": "processing"},
    ),
    pairs(
        "bounced",
        (None, "CONFIRMED_BY_THE_BANK"),
        (None, "REJECTED"),
        expect={"state": "returned", "flags": ["verify"]},
    ),
    pairs(
        "bounce that anybody may tell",
        (None, "CONFIRMED_BY_THE_BANK"),
        (None, "REJECTED"),
        expect={"state": "paid", "flags": ["uncorroborated"]},
        secret=False,
    ),
    pairs(
        "paid after rejected",
        (None, "REJECTED"),
        (None, "CONFIRMED_BY_THE_BANK"),
        expect={"state": "paid", "flags": ["late"]},
    ),
    row(
        "another value",
        notice("another value", None, "IN_VALIDATION", value=10),
        notice("another value", None, "IN_PAYU_PROCESS", value=11),
        expect={"state": "processing", "flags": ["amount_mismatch"]},
    ),
]
ROWS = TABLES + PAIRS + HISTORIES
