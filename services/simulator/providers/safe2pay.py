"""Safe2Pay, Brazil: transaction notices of Pix, boleto, card and POS, with the secret in the body.

https://developers.safe2pay.com.br/reference/callback-transacional,
https://developers.safe2pay.com.br/reference/status-transacional and, for POS,
https://docs.safe2pay.dev/docs/ordem-pagamento-webhook. Several notices of one transaction can be
under way at once and older ones may never come, so what a transaction becomes hangs on no order.
What goes back is told by negative lines, net of the fee; a step `6` gives back everything, each
`6+` one part more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from services.simulator.bodies import as_json, cents, cut_short, part_of, plain
from services.simulator.lives import (
    SECRET_SLOT,
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

_SAO_PAULO: Final = timedelta(hours=-3)  # no summer time since 2019
NAMES: Final = {
    "1": "Pendente",
    "2": "Processamento",
    "3": "Autorizado",
    "5": "Em disputa",
    "6": "Devolvido",
    "7": "Baixado",
    "8": "Recusado",
    "12": "Em cancelamento",
    "13": "Chargeback",
    "14": "Pré-Autorizado",
    "15": "Devolução de contestação",
    "18": "Abortado",
    "19": "Em devolução",
}
METHODS: Final = ((6, "6", "Pix"), (1, "1", "Boleto"), (2, "2", "Cartão"), (21, "19", "POS"))
UNPAID: Final = frozenset({"1", "7", "8", "14", "18"})
PART: Final = "6+"


class _Safe2Pay:
    slug: Final = "safe2pay"
    success: Final = 200
    retries: Final = Retries()
    takes_the_unreadable: Final = False  # its secret stands in the body
    paths: Final = (
        Path(steps=("1", "3"), state="paid", weight=8),
        Path(steps=("3",), state="paid", weight=4),
        Path(steps=("1", "2", "3"), state="paid", weight=3),
        Path(steps=("14", "3"), state="paid", weight=2),
        Path(steps=("1",), state="pending"),
        Path(steps=("14",), state="authorized"),
        Path(steps=("1", "7"), state="expired", weight=2),
        Path(steps=("1", "7", "3"), state="paid"),
        Path(steps=("8",), state="declined", weight=2),
        Path(steps=("18",), state="canceled"),
        Path(steps=("3", "6"), state="refunded", back=Back.ALL, weight=2),
        Path(steps=("3", "12", "6"), state="refunded", back=Back.ALL),
        Path(steps=("3", "19", "6"), state="refunded", back=Back.ALL),
        Path(steps=("3", PART), state="partially_refunded", back=Back.PART),
        Path(steps=("3", PART, PART), state="partially_refunded", back=Back.PART),
        Path(steps=("3", "5"), state="disputed"),
        Path(steps=("3", "5", "13"), state="charged_back"),
        Path(steps=("3", "5", "15"), state="paid"),
        Path(steps=("3", "5", "13", "15"), state="paid"),
    )

    def live(self, path: Path, names: Names, chance: Random, born: datetime) -> Life:
        amount = cents(chance, 10, 9_000)
        sale = _Sale(names=names, amount=amount, born=born, method=chance.choice(METHODS))
        parts: list[Decimal] = []
        by_step: dict[int, Decimal] = {}
        notices = []
        for place, step in enumerate(path.steps):
            if step == PART:
                by_step[place] = part_of(amount, chance)
                parts.append(by_step[place])
            notice = _notice(sale, step.removesuffix("+"), lines(step, amount, parts))
            notices.append(Notice(as_json(notice)))
        refunded = amount if path.back is Back.ALL else sum(parts, Decimal(0))
        ends = Ends("payment", str(names.integer), path.state, amount, "BRL", refunded)
        known = Known(
            path=path, names=names, born=born, amount=amount, asked=ends, parts=by_step,
            method=METHODS.index(sale.method),
        )  # fmt: skip
        return Life(path, tuple(notices), ends, known)

    def unknown(self, names: Names, chance: Random, born: datetime) -> Body:
        status = chance.choice(("4", "9", "16", "99"))
        return as_json(_notice(_Sale(names=names, amount=Decimal(10), born=born), status))

    def malformed(self, names: Names, chance: Random, born: datetime) -> Malformed:
        whole = _notice(_Sale(names=names, amount=Decimal(10), born=born), "3")
        nameless = {name: value for name, value in whole.items() if name != "IdTransaction"}
        return chance.choice(
            (
                # Its secret stands in the body: what cannot be read is from nobody we know.
                Malformed(cut_short(as_json(whole), chance), taken=False),
                Malformed(as_json(nameless)),
                Malformed(as_json(whole | {"Amount": "muito"})),
                Malformed(as_json(whole | {"TransactionStatus": {"Id": [3], "Code": "3"}})),
            )
        )


def lines(step: str, amount: Decimal, parts: Sequence[Decimal]) -> list[dict[str, Any]]:
    """`CheckingAccounts`: what came in net of the fee, and what went back, net of its fee."""
    if step in UNPAID or step == "2":
        return []
    cost = fee(amount)
    found = [_line("Loja (31037942000178)", amount - cost, cost)]
    if step == "6":
        found.append(_line("ESTORNO Loja (31037942000178)", cost - amount, None))
    found += [_line("ESTORNO Loja (31037942000178)", fee(part) - part, fee(part)) for part in parts]
    return found


def fee(amount: Decimal) -> Decimal:
    """Return what Safe2Pay keeps of an amount."""
    return (amount * 3 / 100).quantize(Decimal("0.01"))


def _line(description: str, amount: Decimal, tax: Decimal | None) -> dict[str, Any]:
    return {
        "Description": description,
        "Amount": plain(amount),
        "Tax": None if tax is None else plain(tax),
        "IsTransferred": False,
        "ReleaseDate": "2026-02-12T00:00:00",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """What all notices of one transaction share."""

    names: Names
    amount: Decimal
    born: datetime
    method: tuple[int, str, str] = METHODS[0]


def _notice(sale: _Sale, status: str, shown: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    names, born = sale.names, sale.born
    number, code, name = sale.method
    told: dict[str, Any] = {
        "IdTransaction": names.integer,
        "TransactionStatus": {
            "Id": int(status),
            "Code": status,
            "Name": NAMES.get(status, "Novo"),
        },
        "PaymentMethod": {"Id": number, "Code": code, "Name": name},
        "Application": "Loja",
        "Vendor": "Loja",
        "Amount": plain(sale.amount),
        "IncluedDate": local(born),
        "InstallmentQuantity": 0,
        "SecretKey": SECRET_SLOT,
        "Reference": names.reference,
    }
    if status not in UNPAID:
        told["PaymentDate"] = local(born + timedelta(minutes=2, milliseconds=640))
    if shown:
        told["CheckingAccounts"] = list(shown)
    return told


def local(moment: datetime) -> str:
    """São Paulo's time without a zone, its fraction without trailing zeros."""
    text = (moment + _SAO_PAULO).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.rstrip("0").rstrip(".") if "." in text else text


SIMULATION: Final = _Safe2Pay()
