"""Conectados' events, and what must become of each.

Source: https://conectados.apidog.io/api-18604273 ("Aprobar condiciones"), the one body that is
published; the names of the other six events are configured aliases.
"""

from typing import Unpack

from tests.acceptance.rows import More, Row, Step, make, number


def approval(name: str, **fields: object) -> dict[str, object]:
    return {
        "event_type": "sale_conditions_approved",
        "code": 0,
        "state": "created",
        "message": "La solicitud fue procesada con éxito",
        "purchase_allowed": True,
        "otp_required": True,
        "otp_sent": True,
        "otp_valid_until": "2025-02-25T12:44:56Z",
        "transaction_id": number(name),
        "approval_sale_code": "1a2b3c4d5e6f7g8h9i0j",
        "approval_code_valid_until": "2025-02-25T12:54:56Z",
        "aproved_total_amount": 11000,
        "external_reference": f"retail-{name.replace(' ', '-')}",
        "aproved_details": [
            {"category_id": "49835", "amount": 1000},
            {"category_id": "21394", "amount": 10000},
        ],
    } | fields


def event(name: str, kind: str, **fields: object) -> dict[str, object]:
    """Return what another event may look like: its name, and whose it is."""
    return {"event_type": kind, "transaction_id": number(name)} | fields


def row(name: str, *bodies: object, **more: Unpack[More]) -> Row:
    return make(
        name, bodies, more, provider="conectados", kind="payment", reference=str(number(name))
    )


def after(name: str, *kinds: str, **more: Unpack[More]) -> Row:
    """Return a row of an approval and then these events."""
    return row(name, approval(name), *(event(name, kind) for kind in kinds), **more)


ALIASES = {
    "sale_conditions_rejected": "declined",
    "sale_approval_rejected": "declined",
    "sale_conditions_denied": "declined",
    "conditions_rejected": "declined",
    "otp_expired": "expired",
    "otp_code_expired": "expired",
    "expired_otp": "expired",
    "sale_created": "paid",
    "sale_create": "paid",
    "sale_already_created": "paid",
    "sale_already_exists": "paid",
    "sale_duplicated": "paid",
}
VOIDS = ("sale_voided", "sale_cancelled", "sale_void", "void_sale", "sale_annulled")
ROWS = [
    row(
        "approved",
        approval("approved"),
        expect={
            "state": "authorized",
            "amount": "11000",
            "currency": "CLP",
            "merchant_ref": "retail-approved",
            "occurred_at": "receipt",
            "expires_at": "2025-02-25T12:54:56Z",
            "flags": [],
        },
    ),
    *(
        row(f"event {kind}", event(f"event {kind}", kind), expect={"state": state})
        for kind, state in ALIASES.items()
    ),
    *(
        after(
            f"event {kind}",
            "sale_created",
            kind,
            expect={"state": "voided", "refunded_amount": "11000", "amount": "11000"},
        )
        for kind in VOIDS
    ),
    *(
        after(f"event {kind}", kind, expect={"state": "authorized", "attempts": 1})
        for kind in ("otp_invalid", "invalid_otp", "otp_incorrect")
    ),
    row(
        "two attempts and a resend",
        approval("two attempts and a resend"),
        event("two attempts and a resend", "otp_invalid", message="intento 1"),
        event("two attempts and a resend", "otp_invalid", message="intento 2"),
        event("two attempts and a resend", "otp_invalid", message="intento 2"),
        expect={"state": "authorized", "attempts": 2},
    ),
    after("sold", "sale_created", expect={"state": "paid", "amount": "11000", "flags": []}),
    after(
        "sold and told again",
        "sale_already_created",
        "sale_created",
        expect={"state": "paid", "amount": "11000", "refunded_amount": "0"},
    ),
    after("sold late", "otp_expired", "sale_created", expect={"state": "paid", "flags": ["late"]}),
    after("voided first", "sale_voided", "sale_created", expect={"state": "voided"}),
    row(
        "spelled correctly",
        {
            key.replace("aproved", "approved"): value
            for key, value in approval("spelled correctly").items()
        },
        expect={"state": "authorized", "amount": "11000"},
    ),
    row(
        "digits and capitals",
        approval(
            "digits and capitals",
            transaction_id=str(number("digits and capitals")),
            event_type=" Sale_Conditions_APPROVED ",
        ),
        expect={"state": "authorized"},
    ),
    row(
        "code contradicts",
        approval("code contradicts", code=7),
        expect={"state": "authorized", "flags": ["verify"]},
    ),
    row(
        "not allowed",
        approval("not allowed", purchase_allowed=False),
        expect={"state": "authorized", "flags": ["verify"]},
    ),
    row(
        "details do not add up",
        approval("details do not add up", aproved_total_amount=12000),
        expect={"state": "authorized", "amount": "12000", "flags": ["amount_mismatch"]},
    ),
    row(
        "sold for another amount",
        approval("sold for another amount"),
        event("sold for another amount", "sale_created", total_amount=9000),
        expect={"state": "paid", "flags": ["amount_mismatch"]},
    ),
    row(
        "only the otp expires",
        approval("only the otp expires", approval_code_valid_until=None),
        expect={"expires_at": "2025-02-25T12:44:56Z"},
    ),
    row(
        "accents in latin one",
        Step(
            b'{"event_type":"sale_created","transaction_id":'
            + str(number("accents in latin one")).encode()
            + ',"message":"creación"}'.encode("latin-1"),
        ),
        expect={"state": "paid"},
    ),
    row(
        "found by reference",
        approval("found by reference"),
        {"event_type": "sale_created", "external_reference": "retail-found-by-reference"},
        expect={"state": "paid", "amount": "11000"},
    ),
    row(
        "configured alias",
        event("configured alias", "venta_creada"),
        options=['aliases = { "venta_creada" = "sale_created" }'],
        expect={"state": "paid"},
    ),
    row(
        "unknown event",
        event("unknown event", "sale_teleported"),
        parked=[{"reason": "unknown_value", "field": "event_type", "value": "sale_teleported"}],
    ),
    row("nobody's event", {"event_type": "sale_created"}, parked=[{}]),
    row("fraction of a peso", approval("x6", aproved_total_amount=11000.5), parked=[{}]),
]
