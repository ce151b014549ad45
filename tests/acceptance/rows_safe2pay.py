"""Safe2Pay's statuses, its naive times and its refunds by lines, and what must become of each.

Sources: https://developers.safe2pay.com.br/reference/status-transacional,
https://developers.safe2pay.com.br/reference/callback-transacional,
https://docs.safe2pay.dev/docs/ordem-pagamento-webhook.
"""

from typing import Unpack

from tests.acceptance.rows import More, Row, make, number

PAID_UTC = "2024-01-10T17:57:20.9Z"
ISSUED_UTC = "2024-01-09T13:15:22.010Z"


def notice(name: str, status: int, **fields: object) -> dict[str, object]:
    body = {
        "IdTransaction": number(name),
        "TransactionStatus": {"Id": status, "Code": str(status), "Name": "Qualquer"},
        "PaymentMethod": {"Id": 6, "Code": "6", "Name": "Pix Recebimento"},
        "Application": "Loja 🛒",
        "Vendor": "Não informado",
        "Amount": 100,
        "IncluedDate": "2024-01-09T10:15:22.01",
        "InstallmentQuantity": 0,
        "SecretKey": "A1" * 32,
        "Reference": "pedido-0042",
        "TaxValue": 3,
        "NetValue": 97,
    }
    if status in {2, 3, 6, 5, 12, 13, 15, 19}:
        body["PaymentDate"] = "2024-01-10T14:57:20.9"
        body["CheckingAccounts"] = [line(97, 3)]
    return body | fields


def line(amount: float, tax: float | None) -> dict[str, object]:
    return {
        "Description": ("ESTORNO " if amount < 0 else "") + "Não informado",
        "Amount": amount,
        "Tax": tax,
        "IsTransferred": False,
        "ReleaseDate": "2024-02-12T00:00:00",
        "InstallmentNumber": None,
    }


def row(name: str, *bodies: object, **more: Unpack[More]) -> Row:
    return make(
        name, bodies, more, provider="safe2pay", kind="payment", reference=str(number(name))
    )


def told(name: str, *statuses: int, **more: Unpack[More]) -> Row:
    return row(name, *(notice(name, status) for status in statuses), **more)


def returned(name: str, *refunds: list[dict[str, object]], **more: Unpack[More]) -> Row:
    """Return a row of a paid sale and then notices of 6, each with these account lines."""
    notices = [notice(name, 6, CheckingAccounts=lines) for lines in refunds]
    return row(name, notice(name, 3), *notices, **more)


ALONE = {
    1: ("pending", [], ISSUED_UTC),
    2: ("pending", [], PAID_UTC),
    3: ("paid", [], PAID_UTC),
    5: ("disputed", [], "receipt"),
    6: ("refunded", [], "receipt"),
    7: ("expired", [], "receipt"),
    8: ("declined", [], "receipt"),
    11: ("pending", ["verify"], "receipt"),
    13: ("charged_back", [], "receipt"),
    14: ("authorized", [], "receipt"),
    15: ("paid", [], "receipt"),
    18: ("canceled", [], "receipt"),
}
STATUSES = [
    *(
        told(
            f"status {status}",
            status,
            expect={
                "state": state,
                "flags": flags,
                "occurred_at": at,
                "amount": "100",
                "currency": "BRL",
                "merchant_ref": "pedido-0042",
            },
        )
        for status, (state, flags, at) in ALONE.items()
    ),
    *(
        told(f"status {status}", status, parked=[{"reason": "unknown_value"}])
        for status in (4, 9, 10, 16, 17, 20, 99)
    ),
    *(
        told(f"paid and then {status}", 3, status, expect={"state": "paid", "flags": []})
        for status in (12, 19)
    ),
    told(
        "aborted at the terminal",
        18,
        expect={"state": "canceled", "failure_reason": "aborted_at_terminal"},
    ),
]
HISTORIES = [
    told("dispute", 3, 5, expect={"state": "disputed"}),
    told("dispute lost", 3, 5, 13, expect={"state": "charged_back"}),
    told("dispute won", 3, 5, 15, expect={"state": "paid", "flags": []}),
    told("dispute won after a loss", 3, 5, 13, 15, expect={"state": "paid", "flags": []}),
    told("dispute told backwards", 15, 13, 5, 3, expect={"state": "paid", "flags": []}),
    told("open dispute stays", 3, 5, 3, expect={"state": "disputed"}),
    told("paid late", 7, 3, expect={"state": "paid", "authority": "secret"}),
    told("refused after paid", 3, 8, expect={"state": "paid", "flags": ["conflict"]}),
    told("boleto", 1, 2, 3, expect={"state": "paid", "flags": [], "fees": "3", "net": "97"}),
    told("captured", 14, 3, expect={"state": "paid"}),
    told("skipped", 1, 6, expect={"state": "refunded", "refunded_amount": "100"}),
]
REFUNDS = [
    told("returned without lines", 3, expect={"state": "paid"}),
    returned(
        "all lines went back",
        [line(97, 3), line(-97, None)],
        expect={"state": "refunded", "refunded_amount": "100", "flags": []},
    ),
    returned(
        "line with its own tax",
        [line(97, 3), line(-48.5, 1.5)],
        expect={"state": "partially_refunded", "refunded_amount": "50", "flags": []},
    ),
    returned(
        "line that pairs",
        [line(48.5, 1.5), line(48.5, 1.5), line(-48.5, None)],
        expect={"state": "partially_refunded", "refunded_amount": "50", "flags": []},
    ),
    returned(
        "line that stays unresolved",
        [line(97, 3), line(-10, None)],
        expect={"state": "refunded", "refunded_amount": "100", "flags": ["verify"]},
    ),
    returned(
        "lines repeated count once",
        [line(97, 3), line(-19.4, 0.6)],
        [line(97, 3), line(-19.4, 0.6), line(-19.4, 0.6)],
        expect={"state": "partially_refunded", "refunded_amount": "40", "flags": []},
    ),
    returned("no lines", [], expect={"state": "refunded", "refunded_amount": "100", "flags": []}),
]
SHAPES = [
    row(
        "id as text and no name",
        notice(
            "id as text and no name",
            3,
            IdTransaction=str(number("id as text and no name")),
            TransactionStatus={"Code": "3"},
        ),
        expect={"state": "paid"},
    ),
    row(
        "id before code",
        notice("id before code", 3, TransactionStatus={"Id": 3, "Code": "8", "Name": "Recusado"}),
        expect={"state": "paid"},
    ),
    row(
        "summer time of 2018",
        notice("summer time of 2018", 3, PaymentDate="2018-12-20T12:00:00"),
        expect={"occurred_at": "2018-12-20T14:00:00Z"},
    ),
    row(
        "configured zone",
        notice("configured zone", 3, PaymentDate="2024-01-10T12:00:00"),
        options=['timezone = "America/Manaus"'],
        expect={"occurred_at": "2024-01-10T16:00:00Z"},
    ),
    row(
        "no reference",
        notice("no reference", 3, Reference=""),
        expect={"state": "paid", "merchant_ref": None},
    ),
    row(
        "cents",
        notice("cents", 3, Amount=191.89, TaxValue=0, NetValue=None),
        expect={"amount": "191.89", "net": None},
    ),
    row(
        "boleto with a fine",
        notice("boleto with a fine", 3, PaidValue=102.35),
        expect={"state": "paid", "amount": "100", "flags": []},
    ),
    row(
        "sent again with other dates",
        notice("sent again with other dates", 3),
        notice(
            "sent again with other dates",
            3,
            CheckingAccounts=[line(97, 3) | {"ReleaseDate": "2024-03-01T00:00:00"}],
        ),
        expect={"state": "paid", "sequence": 1},
    ),
    row(
        "recurrence",
        {"NotificationWrapper": {"NotificationPayload": {}}, "SecretKey": "A1" * 32},
        parked=[{}],
    ),
    row("automatic pix", {"IdTransaction": 7, "Status": "APROVADA"}, parked=[{}]),
]
ROWS = STATUSES + HISTORIES + REFUNDS + SHAPES
