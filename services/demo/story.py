"""What the demo posts, and what must come of it.

For each provider: the documented example, and a small history with a duplicate, a pair out of
order, and a value that nobody knows. Bodies follow the providers' documents; the examples lie
beside their adapters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final
from urllib.parse import urlencode

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook. `note` says what is special about it; `answer` is the status to expect."""

    label: str
    body: bytes
    note: str = ""
    content_type: str = _JSON
    answer: int = 200


@dataclass(frozen=True, slots=True)
class Ends:
    """What an object must be in the end. Amounts are decimal text; None is "nobody told it"."""

    ref: str
    state: str
    amount: str | None
    refunded: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One provider: how its source is addressed, what it posts, and how that must end."""

    source: str
    title: str
    posts: tuple[Post, ...]
    ends: tuple[Ends, ...]
    parked: tuple[tuple[str, str], ...]
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def example(provider: str, name: str) -> bytes:
    """Return an example that lies beside the provider's adapter."""
    return (resources.files("libs.providers") / provider / "examples" / name).read_bytes()


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def story() -> tuple[Chapter, ...]:
    """Return the chapters in the order in which they are told."""
    return (_clip(), _conectados(), _mobbex(), _payu(), _safe2pay())


def _clip() -> Chapter:
    payment = "5b6c2f0e-91d7-4a53-8a0c-6f1f2d3c4b5a"

    def notice(n: int, resource: str, status: str, at: str, **more: str) -> bytes:
        return _json(
            {
                "id": f"00000000-0000-4000-8000-{n:012d}",
                "api_version": "1.0",
                "payment_request_id": payment,
                "transaction_id": "0c2a4e68-1357-4b9d-8f10-2a4c6e8091b3",
                "resource": resource,
                "resource_status": status,
                "attempts": 1,
                "sent_date": at,
                "created_at": "2026-01-10T15:00:00Z",
                "me_reference_id": "MX-1001",
                **more,
            }
        )

    completed = notice(
        3, "CHECKOUT", "COMPLETED", "2026-01-10T15:09:00Z",
        completed_at="2026-01-10T15:08:58Z", receipt_no="A1B2C3D", payment_type="CARD",
    )  # fmt: skip
    poke = _json({"id": payment, "origin": "checkout-api", "event_type": "UPDATE"})
    return Chapter(
        source="clip",
        title="Clip, Mexico: no amounts in its webhooks, two different bodies",
        query="?token=dev-clip-token",
        posts=(
            Post("CHECKOUT CREATED", example("clip", "checkout_created.json"), "documented example"),
            Post(
                "CHECKOUT CREATED",
                notice(1, "CHECKOUT", "CREATED", "2026-01-10T15:00:01Z"),
            ),
            Post("CHECKOUT COMPLETED", completed),
            Post("CHECKOUT COMPLETED", completed, "the same again"),
            Post(
                "CHECKOUT PENDING",
                notice(
                    2, "CHECKOUT", "PENDING", "2026-01-10T15:04:00Z",
                    declined_at="2026-01-10T15:03:59Z",
                ),
                "late: from before the payment",
            ),
            Post("UPDATE", poke, "the short body: a request to look it up"),
            Post(
                "REFUND CREATED",
                notice(4, "REFUND", "CREATED", "2026-01-12T09:00:00Z"),
                "a customer disputes the charge",
            ),
            Post(
                "REFUND DECLINED",
                notice(
                    5, "REFUND", "DECLINED", "2026-01-14T09:00:00Z",
                    declined_at="2026-01-14T09:00:00Z",
                ),
                "the merchant wins",
            ),
            Post(
                "CHECKOUT ON_HOLD",
                notice(6, "CHECKOUT", "ON_HOLD", "2026-01-15T09:00:00Z"),
                "a status that nobody knows",
            ),
        ),
        ends=(
            Ends("e1961597-eccd-4bf5-94f3-c343d529caaa", "created", None),
            Ends(payment, "paid", None),
        ),
        parked=(("resource_status", "ON_HOLD"),),
    )  # fmt: skip


def _conectados() -> Chapter:
    def notice(event: str, transaction: int, **more: object) -> bytes:
        reference = f"retail-{transaction}"
        return _json(
            {
                "event_type": event, "code": 0, "transaction_id": transaction,
                "external_reference": reference, **more,
            }
        )  # fmt: skip

    sale = notice(
        "sale_created", 12345, state="completed", external_reference="retail-20250701-abc123"
    )
    return Chapter(
        source="conectados",
        title="Conectados, Chile: no event times, misspelled fields, answers 201 with an echo",
        headers={"X-Webhook-Token": "dev-conectados-token"},
        posts=(
            Post(
                "sale_conditions_approved",
                example("conectados", "sale_conditions_approved.json"),
                "documented example",
                answer=201,
            ),
            Post("sale_created", sale, answer=201),
            Post("sale_created", sale, "the same again", answer=201),
            Post(
                "sale_voided",
                notice("sale_voided", 20002, state="voided", total_amount=7990),
                "before the sale that it voids",
                answer=201,
            ),
            Post(
                "sale_created",
                notice("sale_created", 20002, state="completed", total_amount=7990),
                "late: the sale itself",
                answer=201,
            ),
            Post(
                "sale_reconciled",
                notice("sale_reconciled", 20002),
                "an event that nobody knows",
                answer=201,
            ),
        ),
        ends=(
            Ends("12345", "paid", "11000"),
            Ends("20002", "voided", "7990", "7990"),
        ),
        parked=(("event_type", "sale_reconciled"),),
    )


def _mobbex() -> Chapter:
    def fields(code: str, updated: str) -> dict[str, str]:
        return {
            "type": "checkout",
            "data[result]": "true",
            "data[payment][id]": "Qm7XvT2pL",
            "data[payment][status][code]": code,
            "data[payment][total]": "6705.5",
            "data[payment][currency][code]": "ARS",
            "data[payment][created]": "2026-01-20T18:00:00.000Z",
            "data[payment][updated]": updated,
            "data[payment][reference]": "000451",
        }

    def as_json(code: str, updated: str, total: str = "6705.5") -> bytes:
        text = json.dumps(
            {
                "type": "checkout",
                "data": {
                    "result": True,
                    "payment": {
                        "id": "Qm7XvT2pL",
                        "status": {"code": code},
                        "total": "TOTAL",
                        "currency": {"code": "ARS"},
                        "created": "2026-01-20T18:00:00.000Z",
                        "updated": updated,
                        "reference": "000451",
                    },
                },
            }
        )
        return text.replace('"TOTAL"', total).encode()

    paid_at = "2026-01-20T18:04:10.250Z"
    return Chapter(
        source="mobbex",
        title="Mobbex, Argentina: JSON or forms, expiry notices after the payment",
        query="?token=dev-mobbex-token",
        posts=(
            Post(
                "operator 200",
                example("mobbex", "operator_reversal.json"),
                "documented example: a reversal, not a payment",
            ),
            Post("checkout 200", example("mobbex", "checkout_paid.json")),
            Post("checkout 200", as_json("200", paid_at)),
            Post(
                "checkout 200",
                urlencode(fields("200", paid_at)).encode(),
                "the same again, as a form",
                content_type=_FORM,
            ),
            Post(
                "checkout 2",
                as_json("2", "2026-01-20T18:00:30.000Z"),
                "late: waiting, from before the payment",
            ),
            Post(
                "checkout 401",
                as_json("401", "2026-01-20T19:00:30.000Z"),
                "expired, an hour after it was paid",
            ),
            Post("checkout 300", as_json("300", "2026-01-25T03:00:00.000Z"), "settled"),
            Post(
                "checkout 604",
                as_json("604", "2026-01-26T03:00:00.000Z"),
                "a code that nobody knows",
            ),
        ),
        ends=(
            Ends("pwsbfhh9a", "refunded", None, "6705.00", ("verify",)),
            Ends("5dyoqM7kH", "paid", "1564.33"),
            Ends("Qm7XvT2pL", "paid", "6705.50"),
        ),
        parked=(("data.payment.status.code", "604"),),
    )


def _payu() -> Chapter:
    payout = "0f3b6a52-7c1d-4e8f-9a2b-3c4d5e6f7a8b"

    def notice(state: str, status: str | None) -> bytes:
        return _json(
            {
                "pushPaymentId": payout, "creationDate": 1768485600000, "value": 250000,
                "currency": "COP", "state": state, "status": status, "country": "CO",
            }
        )  # fmt: skip

    form = urlencode(
        {
            "pushPaymentId": payout,
            "value": "250000.00",
            "currency": "COP",
            "state": "PROCESSING COMPLETED",
            "status": "CONFIRMED_BY_THE_BANK",
        }
    ).encode()
    return Chapter(
        source="payu",
        title="PayU Payouts, Colombia: two status fields in any spelling",
        query="?token=dev-payu-token",
        posts=(
            Post(
                "CREATED",
                example("payu", "payout_created.json"),
                "built from the documented fields; PayU publishes no sample",
            ),
            Post("IN_BANKING_PROCESS", example("payu", "payout_in_bank.json")),
            Post("CONFIRMED_BY_THE_BANK", example("payu", "payout_confirmed.json")),
            Post(
                "REJECTED",
                example("payu", "payout_rejected.json"),
                "before the cancellation that it grants",
            ),
            Post(
                "AWAITING_TO_CANCEL",
                example("payu", "payout_cancel_requested.json"),
                "late: so it was canceled, not rejected",
            ),
            Post("awaiting for sent", notice("awaiting for sent", None)),
            Post("in-banking-process", notice("Created", "in-banking-process")),
            Post("CONFIRMED_BY_THE_BANK", form, "as a form", content_type=_FORM),
            Post("CONFIRMED_BY_THE_BANK", form, "the same again", content_type=_FORM),
            Post(
                "ON_HOLD_BY_BANK",
                notice("CREATED", "ON_HOLD_BY_BANK"),
                "a status that nobody knows; the state beside it still counts",
            ),
        ),
        ends=(
            Ends("7202a9a7-ef51-4202-bd23-e604f9cbb25b", "paid", "1500000.00"),
            Ends("32740b81-5ecc-466c-bc09-699e6e5ceefb", "canceled", "4500000.00"),
            Ends(payout, "paid", "250000.00"),
        ),
        parked=(("status", "ON_HOLD_BY_BANK"),),
    )


def _safe2pay() -> Chapter:
    secret = "DEV-SAFE2PAY-SECRET-KEY"  # noqa: S105 - everybody knows it

    def pos(name: str) -> bytes:
        return example("safe2pay", name).replace(b"[redacted]", secret.encode())

    def notice(status: int, **more: object) -> bytes:
        return _json(
            {
                "IdTransaction": 81234567,
                "TransactionStatus": {"Id": status, "Code": str(status)},
                "PaymentMethod": {"Id": 6, "Code": "6", "Name": "Pix"},
                "Application": "Loja",
                "Vendor": "Loja",
                "Amount": 191.89,
                "IncluedDate": "2026-01-20T10:15:22.01",
                "InstallmentQuantity": 0,
                "SecretKey": secret,
                "Reference": "BR-77",
                **more,
            }
        )

    paid = notice(3, PaymentDate="2026-01-20T10:16:03.9", TaxValue=1.9, NetValue=189.99)
    return Chapter(
        source="safe2pay",
        title="Safe2Pay, Brazil: the secret in the body, local times without a zone",
        posts=(
            Post("3 Autorizado", pos("pos_authorized.json"), "documented example"),
            Post("8 Recusado", pos("pos_declined.json"), "documented example"),
            Post("6 Devolvido", pos("pos_returned.json"), "documented example"),
            Post("3 Autorizado", paid),
            Post("3 Autorizado", paid, "the same again"),
            Post("1 Pendente", notice(1), "late: from before the payment"),
            Post("5 Em disputa", notice(5)),
            Post("15 Devolução de contestação", notice(15), "the merchant wins"),
            Post("99", notice(99), "a status that nobody knows"),
        ),
        ends=(
            Ends("71585474", "refunded", "1.00", "1.00"),
            Ends("71565581", "declined", "17.00"),
            Ends("81234567", "paid", "191.89"),
        ),
        parked=(("TransactionStatus.Id", "99"),),
    )
