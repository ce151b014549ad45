"""Conectados, Chile: the webhooks of the API Retail. No event times, whole pesos, 201 as success.

https://conectados.apidog.io/api-18604273 documents the first event; the names and bodies of the
others are what can be inferred from its menu. `aproved_*` is the documented spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from services.simulator.bodies import as_json, cut_short, utc
from services.simulator.lives import Back, Body, Ends, Life, Malformed, Notice, Path, Retries
from services.simulator.names import Names

APPROVED: Final = "sale_conditions_approved"
REJECTED: Final = "sale_conditions_rejected"
OTP_INVALID: Final = "otp_invalid"
OTP_EXPIRED: Final = "otp_expired"
SOLD: Final = "sale_created"
SOLD_ALREADY: Final = "sale_already_created"
VOIDED: Final = "sale_voided"

# code, state of the request, purchase_allowed
_SIDE: Final[Mapping[str, tuple[int, str | None, bool | None]]] = {
    APPROVED: (0, "created", True),
    REJECTED: (51, "rejected", False),
    OTP_INVALID: (62, None, None),
    OTP_EXPIRED: (63, "expired", None),
    SOLD: (0, "completed", True),
    SOLD_ALREADY: (71, None, True),
    VOIDED: (0, "voided", None),
}
_WITH_AMOUNT: Final = frozenset({APPROVED, SOLD})


class _Conectados:
    slug: Final = "conectados"
    success: Final = 201
    retries: Final = Retries()
    takes_the_unreadable: Final = False  # an echo of the body is asked for
    paths: Final = (
        Path(steps=(APPROVED, SOLD), state="paid", weight=8),
        Path(steps=(APPROVED, OTP_INVALID, SOLD), state="paid", weight=3),
        Path(steps=(APPROVED, SOLD, VOIDED), state="voided", back=Back.ALL, weight=3),
        Path(steps=(APPROVED, OTP_EXPIRED), state="expired", weight=2),
        Path(steps=(APPROVED, OTP_EXPIRED, SOLD), state="paid"),
        Path(steps=(APPROVED, SOLD, SOLD_ALREADY), state="paid", in_order=2),
        Path(steps=(APPROVED,), state="authorized"),
        Path(steps=(REJECTED,), state="declined", weight=2, told=False),
    )

    def live(self, path: Path, names: Names, chance: Random, born: datetime) -> Life:
        amount = Decimal(chance.randint(1_000, 900_000))
        notices = tuple(
            Notice(as_json(_event(names, step, amount, born, attempt=number)))
            for number, step in enumerate(path.steps)
        )
        ends = Ends(
            "payment",
            str(names.integer),
            path.state,
            amount if path.told else None,
            "CLP" if path.told else None,
            amount if path.back is Back.ALL else Decimal(0),
        )
        return Life(path, notices, ends)

    def unknown(self, names: Names, chance: Random, born: datetime) -> Body:
        event = chance.choice(("sale_reconciled", "sale_paused", "otp_resent"))
        return as_json(_event(names, event, Decimal(1_000), born))

    def malformed(self, names: Names, chance: Random, born: datetime) -> Malformed:
        whole = _event(names, SOLD, Decimal(1_000), born)
        nameless = {
            k: v for k, v in whole.items() if k not in {"transaction_id", "external_reference"}
        }
        return chance.choice(
            (
                # The document wants an echo of the body, so one that is no JSON is refused.
                Malformed(cut_short(as_json(whole), chance), taken=False),
                Malformed(as_json(whole | {"transaction_id": [names.number]})),
                Malformed(as_json(whole | {"aproved_total_amount": Decimal("1000.5")})),
                Malformed(as_json(nameless | {"message": f"Venta {names.reference}"})),
            )
        )


def _event(
    names: Names, event: str, amount: Decimal, born: datetime, attempt: int = 0
) -> dict[str, Any]:
    code, state, allowed = _SIDE.get(event, (0, None, None))
    told: dict[str, Any] = {"event_type": event, "code": code}
    if state is not None:
        told["state"] = state
    told["message"] = f"La solicitud fue procesada con éxito ({attempt})"
    if allowed is not None:
        told["purchase_allowed"] = allowed
    if event == APPROVED:
        until = utc(born + timedelta(minutes=10))
        told |= {"otp_required": True, "otp_sent": True, "otp_valid_until": until}
        told |= {"approval_sale_code": names.word("approval", 20)}
        told |= {"approval_code_valid_until": until}
    told |= {"transaction_id": names.integer, "external_reference": names.reference}
    if event in _WITH_AMOUNT:
        first = amount // 3
        told["aproved_total_amount"] = amount
        told["aproved_details"] = [
            {"category_id": "49835", "amount": first},
            {"category_id": "21394", "amount": amount - first},
        ]
    return told


SIMULATION: Final = _Conectados()
