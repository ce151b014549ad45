"""The examples that the providers publish, word for word, and the answers that they expect.

Where a page garbled its example (accents, dots, letter case), it stands here as it travels.
"""

from tests.acceptance.rows import FORM, Row, Step, form

CLIP = {
    "id": "bc631b13-bda7-4473-9181-bc43e04dfa28",
    "api_version": "1.0",
    "payment_request_id": "e1961597-eccd-4bf5-94f3-c343d529caaa",
    "transaction_id": "d9fc7f11-bcf4-44ea-af49-dbb946911fa8",
    "resource": "CHECKOUT",
    "resource_status": "CREATED",
    "detail_type": "Payment Request Created",
    "attempts": 1,
    "sent_date": "2023-02-22T20:28:27Z",
    "created_at": "2023-02-22T20:28:25Z",
    "completed_at": None,
    "expires_at": "2023-02-25T20:28:25Z",
    "cancelled_at": None,
    "expired_at": None,
    "declined_at": None,
    "payment_date": None,
    "me_reference_id": "TDP03",
    "receipt_no": None,
    "payment_type": None,
    "barcode": None,
    "customer_email": None,
}
CONECTADOS = {
    "event_type": "sale_conditions_approved",
    "code": 0,
    "state": "created",
    "message": "La solicitud fue procesada con 茅xito",
    "purchase_allowed": True,
    "otp_required": True,
    "otp_sent": True,
    "otp_valid_until": "2025-02-25T12:44:56Z",
    "transaction_id": 12345,
    "approval_sale_code": "1a2b3c4d5e6f7g8h9i0j",
    "approval_code_valid_until": "2025-02-25T12:44:56Z",
    "aproved_total_amount": 11000,
    "external_reference": "retail-20250701-abc123",
    "aproved_details": [
        {"category_id": "49835", "amount": 1000},
        {"category_id": "21394", "amount": 10000},
    ],
}
ARS = {"value": "ARS", "label": "Peso Argentino", "symbol": "$", "locale": "es-AR", "hidden": False}
MOBBEX = {
    "type": "operator",
    "data": {
        "result": True,
        "user": {"name": "Bruce Wayne", "email": "bruce@wayne.com"},
        "view": {"type": "card"},
        "entity": {"uid": "GCynNgjWU", "name": "Wayne, Inc", "tax_id": "123456789"},
        "source": {"name": "Visa", "type": "card", "reference": "visa.galicia"},
        "payment": {
            "id": "PWsbFhH9A",
            "total": 6705,
            "source": {
                "name": "Visa Galicia",
                "type": "card",
                "number": "450799******0010",
                "cardholder": {"name": "Bruce Wayne"},
                "expiration": {"year": "12", "month": "35"},
                "installment": {"count": 1, "amount": 0, "reference": "", "description": "1"},
                "transaction": {"batchNo": "10", "ticketNo": "1234"},
            },
            "status": {"code": "200", "data": {}, "text": "Transacción Aprobada", "resultCode": 0},
            "created": "2022-05-24T08:26:05.377Z",
            "updated": "2022-05-24T08:26:09.966Z",
            "currency": {"code": "ARS", "text": "Peso Argentino", "locale": "es-AR", "symbol": "$"},
            "operation": {"type": "payment.v2"},
            "reference": "576127271",
            "description": "Compra 576127271",
            "riskAnalysis": {"band": "N/A", "level": "N/A"},
        },
        "customer": {"name": "Bruce Wayne", "identification": "12123123"},
        "service": {"rule": "223SSThACBY", "total": 35, "paymentDate": "1653381736930"},
        "transactions": [
            {"uid": "lcvSzqDcul", "status": "300", "type": kind, "currency": ARS, "total": total}
            for kind, total in (("arg.iva", 2), ("arg.iibb.cordoba", 0.5), ("service", 35))
        ],
    },
}
LINE = {
    "Description": "Não informado (31037942000178)",
    "Amount": 0.97,
    "Tax": 0.03,
    "IsTransferred": False,
    "ReleaseDate": "2024-02-12T00:00:00",
    "InstallmentNumber": 1,
}
BACK = LINE | {
    "Description": "ESTORNO Não informado (31037942000178)",
    "Amount": -0.97,
    "Tax": None,
    "ReleaseDate": "2024-01-10T00:00:00",
    "InstallmentNumber": None,
}


def sale(status: int, name: str, **fields: object) -> dict[str, object]:
    """Return Safe2Pay's example of a sale at a terminal, which all three share."""
    return {
        "IdTransaction": 71585474,
        "TransactionStatus": {"Id": status, "Code": str(status), "Name": name},
        "PaymentMethod": {
            "Id": 21,
            "Code": "19",
            "Name": "Cartão de Crédito - Físico",
            "Show": False,
            "IsEnabled": False,
        },
        "Application": "SMART_POS",
        "Vendor": "Não informado",
        "Amount": 1,
        "PaymentDate": "2023-12-29T11:49:08",
        "IncluedDate": "2023-12-29T11:49:21.927",
        "InstallmentQuantity": None,
        "SecretKey": "XYZ",
        "TaxValue": 0.03,
        "NetValue": 0.97,
        "Reference": "1149e5ef85305281c2e41a87577ff24292cd6c05",
        "PaymentOrderId": 180,
    } | fields


SOLD = sale(3, "Autorizado", CheckingAccounts=[LINE])
GIVEN_BACK = sale(
    6,
    "Devolvido",
    NetValue=None,
    SecretKey="678DSC7875FA49AB830B25A27EEEA00946C3CD45942244589F055C703DA296E8",
    CheckingAccounts=[LINE | {"ReleaseDate": "2024-01-10T00:00:00"}, BACK],
)
REFUSED = {
    key: value
    for key, value in sale(
        8,
        "Recusado",
        IdTransaction=71565581,
        Amount=17,
        IncluedDate="2023-12-29T01:40:43.44",
        SecretKey="ABC",
        Reference="68b09f65b4cb211684aedb5df02df417006e50f2",
        PaymentOrderId=175,
    ).items()
    if key not in {"PaymentDate", "TaxValue", "NetValue"}
}
OPERATOR = {
    "PWsbFhH9A": {
        "state": "refunded",
        "occurred_at": "2022-05-24T08:26:09.966Z",
        "merchant_ref": "576127271",
        "refunded_amount": "6705",
        "currency": "ARS",
        "flags": ["verify"],
    }
}
ROWS = [
    Row(
        "published example",
        "clip",
        [Step(CLIP)],
        {
            "e1961597-eccd-4bf5-94f3-c343d529caaa": {
                "state": "created",
                "merchant_ref": "TDP03",
                "occurred_at": "2023-02-22T20:28:25Z",
                "expires_at": "2023-02-25T20:28:25Z",
                "amount": None,
            }
        },
    ),
    Row(
        "published example",
        "conectados",
        [Step(CONECTADOS)],
        {
            "12345": {
                "state": "authorized",
                "merchant_ref": "retail-20250701-abc123",
                "amount": "11000",
                "currency": "CLP",
                "expires_at": "2025-02-25T12:44:56Z",
            }
        },
    ),
    Row("published example", "mobbex", [Step(MOBBEX)], OPERATOR),
    Row("published example as a form", "mobbex", [Step(form(MOBBEX), FORM)], OPERATOR),
    Row(
        "published examples",
        "safe2pay",
        [Step(SOLD), Step(REFUSED), Step(GIVEN_BACK)],
        {
            "71585474": {
                "state": "refunded",
                "previous_state": "paid",
                "amount": "1",
                "refunded_amount": "1",
                "currency": "BRL",
                "merchant_ref": "1149e5ef85305281c2e41a87577ff24292cd6c05",
                "flags": [],
            },
            "71565581": {"state": "declined", "amount": "17", "occurred_at": "receipt"},
        },
    ),
    Row(
        "published example of a sale",
        "safe2pay",
        [Step(SOLD)],
        {
            "71585474": {
                "state": "paid",
                "occurred_at": "2023-12-29T14:49:08Z",
                "fees": "0.03",
                "net": "0.97",
            }
        },
    ),
]
