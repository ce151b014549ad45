"""PayU Latam, Payouts API (Colombia): two status fields, no event time, no reference of ours.

https://developers.payulatam.com/latam/es/docs/services/payouts.html. A step is
`<state>/<status>`. Which open state shows is told by the order of arrival alone; a rejection after
the confirmation means that the money came back, one before it would be overruled. A cancel that
was asked for and not refused makes a rejection a cancellation, wherever it stands.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any, Final

from services.simulator.bodies import as_form, as_json, brackets, cents, cut_short
from services.simulator.lives import Body, Ends, Life, Malformed, Notice, Path, Retries
from services.simulator.names import Names

SCREENING: Final = "AWAITING SANCTION SCREENING/"
PASSED: Final = "AWAITING FOR SENT/"
STARTED: Final = "CREATED/IN_PAYU_PROCESS"
AT_BANK: Final = "CREATED/IN_BANKING_PROCESS"
CONFIRMED: Final = "PROCESSING COMPLETED/CONFIRMED_BY_THE_BANK"
BOUNCED: Final = "PROCESSING COMPLETED/REJECTED"
NOT_PASSED: Final = "REJECTED/"
REFUSED: Final = "CREATED/REJECTED"
TO_CANCEL: Final = "AWAITING TO CANCEL/IN_PAYU_PROCESS"
CANCELLING: Final = "SENT FOR CANCELLATION/IN_PAYU_PROCESS"
NOT_CANCELED: Final = "CANCELLATION FAILED/IN_PAYU_PROCESS"
CANCELED: Final = "REJECTED/REJECTED"


class _PayU:
    slug: Final = "payu"
    success: Final = 200
    retries: Final = Retries()
    takes_the_unreadable: Final = True
    paths: Final = (
        Path(steps=(SCREENING, PASSED, STARTED, AT_BANK, CONFIRMED), state="paid", weight=4),
        Path(steps=(SCREENING, AT_BANK, CONFIRMED), state="paid", weight=4),
        Path(steps=(SCREENING, NOT_PASSED), state="rejected", weight=2),
        Path(steps=(SCREENING, AT_BANK, REFUSED), state="rejected", weight=2),
        Path(steps=(PASSED, TO_CANCEL, CANCELLING, CANCELED), state="canceled", weight=2),
        Path(steps=(PASSED, TO_CANCEL, NOT_CANCELED, AT_BANK, CONFIRMED), state="paid"),
        Path(steps=(SCREENING, CONFIRMED, BOUNCED), state="returned", in_order=2),
        Path(steps=(SCREENING, AT_BANK), state="sent"),
        Path(steps=(SCREENING, STARTED), state="processing", in_order=2),
        Path(steps=(PASSED, TO_CANCEL), state="cancel_requested", in_order=2),
        Path(steps=(SCREENING,), state="in_review"),
    )

    def live(self, path: Path, names: Names, chance: Random, born: datetime) -> Life:
        amount = cents(chance, 10_000, 4_000_000)
        notices = tuple(
            Notice(as_sent(notice(names, step, amount, born, chance), chance))
            for step in path.steps
        )
        ends = Ends("payout", names.uuid("payout"), path.state, amount, "COP", Decimal(0))
        return Life(path, notices, ends)

    def unknown(self, names: Names, chance: Random, born: datetime) -> Body:
        step = chance.choice(("FROZEN BY TREASURY/", "/ON_HOLD_BY_BANK", "AWAITING_LUNCH/"))
        return as_sent(notice(names, step, Decimal("1.00"), born, chance), chance)

    def malformed(self, names: Names, chance: Random, born: datetime) -> Malformed:
        whole = notice(names, CONFIRMED, Decimal("1.00"), born, chance)
        nameless = {name: value for name, value in whole.items() if name != "pushPaymentId"}
        return Malformed(
            chance.choice(
                (
                    cut_short(as_json(whole), chance),
                    as_json(whole | {"value": "mucho"}),
                    as_json(whole | {"pushPaymentId": [names.number]}),
                    as_json(nameless),
                )
            )
        )


def as_sent(told: dict[str, Any], chance: Random) -> Body:
    """JSON or a form: PayU documents neither."""
    event = chance.choice((None, "TRANSFER_UPDATE", "VALIDATION_RESULT"))
    if chance.random() < 0.3:
        return as_form(brackets(told), event)
    return as_json(told, event)


def notice(
    names: Names, step: str, amount: Decimal, born: datetime, chance: Random
) -> dict[str, Any]:
    state, _, status = step.partition("/")
    refused = status == "REJECTED" or state == "REJECTED"
    return {
        "pushPaymentId": names.uuid("payout"),
        "creationDate": int(born.timestamp() * 1000),
        "value": amount,
        "currency": "COP",
        "state": _spelt(state, chance) or None,
        "status": _spelt(status, chance) or None,
        "errorCode": "R03" if refused else None,
        "errorMessage": "Cuenta no existe" if refused else None,
        "supplierBankAccountId": names.uuid("account"),
        "fullName": "Santiago Romero Pineda",
        "country": "CO",
        "documentNumber": "1026304116",
        "validationState": None,
        "dateOfTheNextValidation": None,
    }


def _spelt(word: str, chance: Random) -> str:
    """PayU writes a word with spaces here and with underscores there."""
    return word.replace(" ", "_") if chance.random() < 0.5 else word


SIMULATION: Final = _PayU()
