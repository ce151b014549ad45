"""Mobbex's types and codes, and what must become of each.

Sources: https://mobbex.dev/webhooks, https://mobbex.dev/codigos-de-estado,
https://mobbex.dev/devoluciones, and the status table of github.com/mobbexco/php-sdk.
"""

from typing import Unpack

from tests.acceptance.rows import FORM, More, Row, Step, form, identifier, make

EARLY = "2025-05-02T10:00:00.000Z"
LATER = "2025-05-03T11:30:00.250Z"
LAST = "2025-05-04T12:00:00.500Z"


def uid(name: str) -> str:
    """Return an id as Mobbex makes them: letters whose case counts."""
    return "Aa" + identifier(name).replace("-", "")[:9]


def notice(
    name: str, code: str, at: str | None = LATER, kind: str = "checkout", **payment: object
) -> dict[str, object]:
    body = {
        "id": uid(name),
        "description": "Compra",
        "operation": {"type": "payment.v2"},
        "status": {"code": code, "text": "Transacción", "message": "Transacción"},
        "total": 1564.33,
        "currency": {"code": "ARS", "text": "Peso Argentino", "symbol": "$"},
        "created": EARLY,
        "updated": at,
        "reference": "000576127271",
        "source": {"name": "Visa", "type": "card", "number": "450799******0010"},
        "riskAnalysis": {"band": "N/A", "level": "N/A"},
    } | payment
    known = {key: value for key, value in body.items() if value is not None}
    data = {
        "result": True,
        "view": {"type": "card"},
        "payment": known,
        "entity": {"uid": "gcYnNgjWu", "name": "Comercio"},
        "checkout": {"uid": f"CHK:{uid(name)}", "total": 1500, "currency": "ARS"},
        "transactions": [{"uid": "tx", "status": "300", "type": "service", "total": 35}],
    }
    return {"type": kind, "data": data}


def row(name: str, *bodies: object, **more: Unpack[More]) -> Row:
    return make(name, bodies, more, provider="mobbex", kind="payment", reference=uid(name))


def codes(name: str, *told: tuple[str, str], **more: Unpack[More]) -> Row:
    """Return a row of notices, each with its (code, time)."""
    return row(name, *(notice(name, code, at) for code, at in told), **more)


STATES = {
    "created": [],
    "pending": ["0", "1", "2", "201", "800"],
    "authorized": ["3"],
    "in_review": ["100"],
    "paid": ["4", "200", "210", "299", "300", "301", "302", "303"],
    "declined": ["400", *map(str, range(410, 420))],
    "expired": ["401", "402"],
    "failed": ["403", "500"],
    "voided": ["601"],
    "refunded": ["602"],
    "charged_back": ["603"],
    "canceled": ["610"],
}
CODES = [
    *(
        codes(
            f"code {code}",
            (code, LATER),
            expect={
                "state": state,
                "occurred_at": LATER,
                "merchant_ref": "000576127271",
                # a reversal's total may be the sum returned: alone, it tells no amount
                "amount": None if code in {"601", "602"} else "1564.33",
                "currency": "ARS",
                "livemode": True,
                "flags": [],
            },
        )
        for state, listed in STATES.items()
        for code in listed
    ),
    *(
        row(
            f"code {code} in a form",
            Step(form(notice(f"code {code} in a form", code)), FORM),
            expect={"state": state, "amount": "1564.33", "occurred_at": LATER},
        )
        for state, code in (("pending", "0"), ("paid", "200"), ("declined", "414"))
    ),
    *(
        codes(f"code {code}", (code, LATER), parked=[{"reason": "unknown_value", "value": code}])
        for code in ("604", "999", "202")
    ),
    *(
        codes(
            f"settled {code}",
            ("200", EARLY),
            (code, LATER),
            expect={"state": "paid", "settlement_step": step, "flags": []},
        )
        for code, step in (("299", "299"), ("300", "300"), ("301", "301"), ("302", "302"))
    ),
]
REVERSALS = [
    codes("void running", ("200", EARLY), ("600", LATER), expect={"state": "paid", "flags": []}),
    codes(
        "voided",
        ("200", EARLY),
        ("601", LATER),
        expect={"state": "voided", "refunded_amount": "1564.33", "flags": []},
    ),
    codes(
        "refunded",
        ("200", EARLY),
        ("602", LATER),
        expect={"state": "refunded", "refunded_amount": "1564.33", "flags": []},
    ),
    codes(
        "partly refunded",
        ("200", EARLY),
        ("605", LATER),
        expect={"state": "partially_refunded", "flags": ["verify"], "amount": "1564.33"},
    ),
    codes(
        "partly and then fully",
        ("200", EARLY),
        ("605", LATER),
        ("602", LAST),
        expect={"state": "refunded", "refunded_amount": "1564.33"},
    ),
    codes("disowned", ("200", EARLY), ("603", LATER), expect={"state": "charged_back"}),
    codes("refunded first", ("602", LATER), ("200", EARLY), expect={"state": "refunded"}),
    row(
        "operator",
        notice("operator", "200", EARLY),
        notice("operator", "200", LATER, "operator"),
        expect={"state": "refunded", "refunded_amount": "1564.33", "flags": ["verify"]},
    ),
    row(
        "operator of a part",
        notice("operator of a part", "200", EARLY),
        notice("operator of a part", "200", LATER, "operator", total=100),
        expect={
            "state": "partially_refunded",
            "refunded_amount": "100",
            "amount": "1564.33",
            "flags": ["verify"],
        },
    ),
    row(
        "operator and refunded",
        notice("operator and refunded", "200", EARLY),
        notice("operator and refunded", "200", LATER, "operator"),
        notice("operator and refunded", "602", LAST),
        expect={"state": "refunded", "refunded_amount": "1564.33"},
    ),
]
TYPES = [
    *(
        row(f"type {kind}", notice(f"type {kind}", "200", kind=kind), expect={"state": "paid"})
        for kind in ("payment", "payment_order", "subscription:execution")
    ),
    row(
        "type expired",
        notice("type expired", "401", kind="checkout:expired"),
        expect={"state": "expired", "authority": "timer", "flags": []},
    ),
    row(
        "type expired with another code",
        notice("type expired with another code", "200", kind="checkout:expired"),
        expect={"state": "expired", "flags": ["verify"]},
    ),
    row(
        "expired after paid",
        notice("expired after paid", "200", EARLY),
        notice("expired after paid", "401", LATER, "checkout:expired"),
        notice("expired after paid", "401", LAST),
        expect={"state": "paid", "flags": []},
    ),
    codes("paid late", ("401", EARLY), ("200", LATER), expect={"state": "paid", "flags": ["late"]}),
    codes(
        "declined after paid",
        ("200", EARLY),
        ("400", LATER),
        expect={"state": "paid", "flags": ["conflict"]},
    ),
    Row(
        "expired without payment",
        "mobbex",
        [
            Step(
                {
                    "type": "checkout:expired",
                    "data": {"status": {"code": "401"}, "checkout": {"uid": "CHK1"}},
                }
            )
        ],
        {"checkout:CHK1": {"state": "expired"}},
    ),
    *(
        row(f"type {kind}", notice(f"type {kind}", "602", kind=kind))
        for kind in (
            "subscription:registration",
            "subscription:change_source",
            "subscription:source_change",
            "subscription:subscriber:active",
            "subscription:subscriber:suspended",
        )
    ),
    row(
        "charge that failed",
        notice("charge that failed", "200", EARLY, "subscription:execution"),
        notice("charge that failed", "0", LATER, "subscription:execution:error"),
        expect={"state": "paid", "attempts": 1},
    ),
    row("type unknown", notice("x7", "200", kind="payment.approved"), parked=[{"field": "type"}]),
    row("integer status", {"type": "checkout", "data": {"status": 200}}, parked=[{}]),
]
SHAPES = [
    row(
        "test money",
        notice("test money", "200", currency={"code": "TEST"}),
        expect={"state": "paid", "flags": ["test"], "currency": "TEST", "livemode": False},
    ),
    row(
        "form and json agree",
        notice("form and json agree", "200", None),
        Step(form(notice("form and json agree", "200", None)), FORM),
        expect={"state": "paid", "occurred_at": EARLY, "sequence": 1},
    ),
    Row(
        "case counts",
        "mobbex",
        [
            Step(notice("case counts", "200", id="abcDEF")),
            Step(notice("case counts", "400", id="ABCdef")),
        ],
        {"abcDEF": {"state": "paid"}, "ABCdef": {"state": "declined"}},
    ),
    Row(
        "child of a group",
        "mobbex",
        [
            Step(notice("child of a group", "200", id="GRP-1")),
            Step(notice("child of a group", "602", id="CHD-1")),
        ],
        {"GRP-1": {"state": "paid"}, "CHD-1": {"state": "refunded"}},
    ),
    row(
        "media type with parameters",
        Step(
            form(notice("media type with parameters", "200")),
            {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        ),
        expect={"state": "paid"},
    ),
    row(
        "another total",
        notice("another total", "200", EARLY),
        notice("another total", "300", LATER, total=1564.34),
        expect={"state": "paid", "flags": ["amount_mismatch"]},
    ),
    row(
        "intermediate statuses",
        notice("intermediate statuses", "200", LATER),
        notice("intermediate statuses", "100", EARLY),
        expect={"state": "paid", "flags": []},
    ),
    row("nested in a form field", Step(form({"body": '{"type":"checkout"}'}), FORM), parked=[{}]),
]
ROWS = CODES + REVERSALS + TYPES + SHAPES
