"""Mobbex, Argentina: checkout and operator webhooks, as JSON or, of old, as forms.

https://mobbex.dev/webhooks and https://mobbex.dev/codigos-de-estado. Every notice tells when
(`payment.updated`), so any order is defined. A step is the type and the code of the status.
605 gives back a part and nobody tells how much; 603 is the only word for a chargeback; an
`operator` notice reports a reversal, whose sum is its `payment.total`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from services.simulator.bodies import (
    as_form,
    as_json,
    brackets,
    cents,
    cut_short,
    part_of,
    plain,
    utc,
)
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

STEP: Final = timedelta(minutes=3, milliseconds=125)
_TEXTS: Final = {
    "200": "Transacción Aprobada",
    "400": "Transacción Declinada",
    "401": "Transacción Expirada",
    "603": "Transacción Desconocida",
}
PAID: Final = "checkout 200"
REVERSAL: Final = "operator 200"
# Whether the total of these is the payment's or what went back is not documented.
_VAGUE: Final = frozenset(
    {"checkout 600", "checkout 601", "checkout 602", "checkout 605", REVERSAL}
)


class _Mobbex:
    slug: Final = "mobbex"
    success: Final = 200
    retries: Final = Retries()
    takes_the_unreadable: Final = True
    paths: Final = (
        Path(steps=(PAID,), state="paid", weight=6),
        Path(steps=("checkout 2", PAID), state="paid", weight=4),
        Path(steps=("checkout 100", PAID), state="paid", weight=2),
        Path(steps=("checkout 3", PAID), state="paid"),
        Path(steps=("checkout 3",), state="authorized"),
        Path(steps=("checkout 100",), state="in_review"),
        Path(steps=("checkout 1", "checkout 400"), state="declined", weight=2),
        Path(steps=("checkout 410",), state="declined"),
        Path(steps=("checkout 403",), state="failed"),
        Path(steps=("checkout 610",), state="canceled"),
        Path(steps=("checkout 2", "checkout:expired 401"), state="expired", weight=2),
        Path(steps=(PAID, "checkout:expired 401"), state="paid", weight=2),
        Path(
            steps=(PAID, "checkout 299", "checkout 300", "checkout 301", "checkout 302"),
            state="paid",
            weight=2,
        ),
        Path(steps=(PAID, "checkout 600", "checkout 601"), state="voided", back=Back.ALL),
        Path(steps=(PAID, "checkout 300", "checkout 602"), state="refunded", back=Back.ALL),
        Path(steps=(PAID, "checkout 605"), state="partially_refunded", back=Back.UNTOLD),
        Path(steps=(PAID, "checkout 605", "checkout 602"), state="refunded", back=Back.ALL),
        Path(steps=(PAID, REVERSAL), state="refunded", back=Back.ALL),
        Path(steps=(PAID, REVERSAL), state="partially_refunded", back=Back.PART),
        Path(steps=(PAID, "checkout 603"), state="charged_back"),
    )

    def live(self, path: Path, names: Names, chance: Random, born: datetime) -> Life:
        amount = cents(chance, 50, 90_000)
        given_back = {Back.ALL: amount, Back.PART: part_of(amount, chance)}
        notices = []
        for number, step in enumerate(path.steps):
            total = given_back[path.back] if step == REVERSAL else amount
            told = notice(names, step, total, born, born + number * STEP)
            notices.append(Notice(_as_sent(told, chance)))
        refunded = None if path.back is Back.UNTOLD else given_back.get(path.back, Decimal(0))
        ends = Ends("payment", names.word("payment", 9), path.state, amount, "ARS", refunded)
        # A query tells that a part went back, and not how much.
        unseen = {REVERSAL: replace(ends, refunded=None)} if path.back is Back.PART else {}
        known = Known(
            path=path, names=names, born=born, amount=amount, asked=ends, unseen=unseen,
            vague=_VAGUE,
        )  # fmt: skip
        return Life(path, tuple(notices), ends, known)

    def unknown(self, names: Names, chance: Random, born: datetime) -> Body:
        step = chance.choice(("checkout 604", "checkout 777", "checkout:frozen 200"))
        return _as_sent(notice(names, step, Decimal(100), born, born), chance)

    def malformed(self, names: Names, chance: Random, born: datetime) -> Malformed:
        whole = notice(names, PAID, Decimal(100), born, born)
        payment = whole["data"]["payment"]
        nameless = {name: value for name, value in payment.items() if name != "id"}
        return Malformed(
            chance.choice(
                (
                    cut_short(as_json(whole), chance),
                    as_json({"type": "checkout", "data": [payment]}),
                    as_json({"type": "checkout", "data": {"payment": nameless}}),
                    as_json(
                        {"type": "checkout", "data": {"payment": payment | {"total": "mucho"}}}
                    ),
                )
            )
        )


def _as_sent(told: dict[str, Any], chance: Random) -> Body:
    """JSON; now and then the form that the older API and the test tool send."""
    return as_form(brackets(told)) if chance.random() < 0.1 else as_json(told)


def notice(names: Names, step: str, total: Decimal, born: datetime, at: datetime) -> dict[str, Any]:
    kind, _, code = step.rpartition(" ")
    text = _TEXTS.get(code, "Operación en curso")
    payment = {
        "id": names.word("payment", 9),
        "description": f"Compra {names.reference}",
        "operation": {"type": "payment.v2"},
        "status": {"code": code, "text": text, "message": text},
        "total": plain(total),
        "currency": {"code": "ARS", "text": "Peso Argentino", "symbol": "$", "locale": "es-AR"},
        "created": utc(born, "milliseconds"),
        "updated": utc(at, "milliseconds"),
        "reference": names.reference,
        "source": {"name": "Visa Galicia", "type": "card", "reference": "visa.galicia"},
    }
    data: dict[str, Any] = {"result": code in _TEXTS, "view": {"type": "card"}, "payment": payment}
    if kind.startswith("checkout"):
        data["checkout"] = {"uid": names.word("checkout", 16).upper(), "currency": "ARS"}
    return {"type": kind, "data": data}


SIMULATION: Final = _Mobbex()
