"""Safe2Pay's API: one transaction, or all of a reference.

https://developers.safe2pay.com.br: header `X-API-KEY`; the envelope is `{ResponseDetail, HasError,
ErrorCode, Error}`, and HTTP 200 with `HasError: true` is how a failure comes. The status is called
`Status` here, as text or as a number, and the dates are local time without a zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from services.sandbox.apis.answers import Answer
from services.sandbox.world import Standing, World
from services.simulator.bodies import plain
from services.simulator.providers.safe2pay import METHODS, NAMES, PART, UNPAID, fee, lines, local

Asking = Callable[[World, str], Answer]
SLUG: Final = "safe2pay"
PAID_AFTER: Final = timedelta(minutes=2, milliseconds=640)


def failed(code: str, error: str, status: int = 200) -> Answer:
    """Return the envelope of a failure."""
    return Answer(
        {"ResponseDetail": None, "HasError": True, "ErrorCode": code, "Error": error}, status
    )


UNAUTHORIZED: Final = failed("002", "Token inválido", 401)
NOT_FOUND: Final = failed("006", "Transação não encontrada")
RATE_LIMITED: Final = failed("429", "Muitas requisições", 429)
BROKEN: Final = failed("500", "Erro interno", 500)


def transaction(world: World, number: str) -> Answer:
    """`GET /v2/transaction/Get?Id=`."""
    standing = world.named(SLUG, number)
    return NOT_FOUND if standing is None else _succeeded(_transaction(standing))


def by_reference(world: World, reference: str) -> Answer:
    """`GET /v2/transaction/Reference?reference=`: several transactions may have one reference."""
    found = [_transaction(standing) for standing in world.referenced(SLUG, reference)]
    return _succeeded({"TotalItems": len(found), "Objects": found})


def _succeeded(detail: dict[str, Any]) -> Answer:
    return Answer({"ResponseDetail": detail, "HasError": False, "ErrorCode": "", "Error": ""})


def _transaction(standing: Standing) -> dict[str, Any]:
    known = standing.known
    names = known.names
    status = standing.steps[-1].removesuffix("+")
    code = METHODS[known.method][1]
    paid = status not in UNPAID
    created, paid_at = local(known.born), local(known.born + PAID_AFTER)
    return {
        "IdTransaction": names.integer,
        "Status": status if names.number % 2 else int(status),
        "Message": NAMES[status],
        "Application": "Loja",
        "Vendor": "Loja",
        "Reference": names.reference,
        "PaymentDate": paid_at.partition("T")[0] if paid else None,
        "PaymentDateTime": paid_at if paid else None,
        "CreatedDate": created.partition("T")[0],
        "CreatedDateTime": created,
        "Amount": plain(known.amount),
        "NetValue": plain(known.amount - fee(known.amount)) if paid else 0,
        "DiscountAmount": 0,
        "TaxValue": plain(fee(known.amount)) if paid else 0,
        "PaymentMethod": code,
        "Customer": {"Name": "Ana Souza", "Identity": "31037942000178"},
        "AmountPayment": plain(known.amount) if paid else 0,
        "PaymentObject": {},
        "Splits": [],
        "CheckingAccounts": _lines(standing, status),
    }


def _lines(standing: Standing, status: str) -> Sequence[dict[str, Any]]:
    """Tell what came in and what went back; the parts that went back stand as on the webhook."""
    known = standing.known
    parts = [part for place, part in sorted(known.parts.items()) if place < standing.reached]
    step = PART if parts else status
    return lines(step, known.amount, parts)
