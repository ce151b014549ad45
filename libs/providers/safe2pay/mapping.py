"""What a Safe2Pay notice means: its status number decides, never the status' name.

No event id, event time or sequence is told, and older notices may never come once a newer one was
delivered, so every notice is read alone. The dates are naive local time of São Paulo and tell when
something happened for three statuses only; for all others the receipt stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown, shown
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Flag, Kind, State
from libs.domain.money import Money, MoneyError
from libs.domain.observation import DisputeStatus, FacetStatus, Observation, Refund
from libs.providers.fields import MalformedError, UnreadableError
from libs.providers.port import Terms
from libs.providers.reading import Json, NotReadableError, read_json
from libs.providers.safe2pay.facts import aliases_of, facts_of, key_of, sum_of, utc_of
from libs.providers.safe2pay.refund_amount import Entries, GivenBack, entries_of, given_back
from libs.providers.safe2pay.wire import Notice, Status, notice_of, whole_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a status says. `told_by` is the date that tells when, where one does."""

    state: State | None = None
    refund: FacetStatus | None = None
    dispute: DisputeStatus | None = None
    verify: bool = False
    reason: str | None = None
    told_by: str | None = None


# https://developers.safe2pay.com.br/reference/status-transacional (18: the POS page,
# https://docs.safe2pay.dev/docs/ordem-pagamento-webhook)
STATUS: Final = MappingProxyType(
    {
        1: Meaning(state=State.PENDING, told_by="IncluedDate"),  # Pendente
        2: Meaning(state=State.PENDING, told_by="PaymentDate"),  # Processamento: clearing
        3: Meaning(state=State.PAID, told_by="PaymentDate"),  # Autorizado
        5: Meaning(dispute=DisputeStatus.OPEN),  # Em disputa
        6: Meaning(refund=FacetStatus.SUCCEEDED),  # Devolvido, or Estornado
        7: Meaning(state=State.EXPIRED),  # Baixado
        8: Meaning(state=State.DECLINED),  # Recusado
        11: Meaning(state=State.PENDING, verify=True),  # Liberado: paid or not, nobody agrees
        12: Meaning(refund=FacetStatus.REQUESTED),  # Em cancelamento
        13: Meaning(dispute=DisputeStatus.LOST),  # Chargeback
        14: Meaning(state=State.AUTHORIZED),  # Pré-Autorizado
        15: Meaning(dispute=DisputeStatus.WON),  # Devolução de contestação, not "expired"
        18: Meaning(state=State.CANCELED, reason="aborted_at_terminal"),  # Abortado
        19: Meaning(refund=FacetStatus.REQUESTED),  # Em devolução
    }
)

# `PaymentMethod.Id`, https://developers.safe2pay.com.br/reference/callback-transacional; on a POS
# `Code` is another number.
METHOD: Final = MappingProxyType(
    {
        1: "boleto",
        2: "credit_card",
        3: "crypto",
        4: "debit_card",
        6: "pix",
        10: "account_debit",
        21: "credit_card_present",
    }
)

_NAME_LIMIT: Final = 40


def translate(delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
    """Say what one notice means: see the port."""
    try:
        body = read_json(delivery.body)
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    if not isinstance(body, dict) or _foreign(body):
        return (Unknown(reason=ParkReason.FOREIGN_SHAPE, detail="no transaction notice"),)
    return (of_transaction(delivery, terms, body),)


def of_transaction(delivery: Delivery, terms: Terms, body: dict[str, Json]) -> Reading:
    """Read one transaction in the words of a notice."""
    unreadable: list[str] = []
    try:
        notice = notice_of(body, unreadable)
    except MalformedError as error:
        return _parked(ParkReason.MALFORMED, error.field, error.value, str(error))
    if notice.id_transaction is None or notice.id_transaction <= 0:
        told = body.get("IdTransaction")
        return _parked(ParkReason.NO_IDENTITY, "IdTransaction", told, "no transaction id")
    number = _status(notice.transaction_status, terms)
    amount = _amount(notice, terms)
    if isinstance(number, Unknown):
        return number
    if isinstance(amount, Unknown):
        return amount
    return _observation(delivery, Told(notice, number, amount, terms, unreadable))


@unguarded
@dataclass(frozen=True, slots=True)
class Told:
    """One notice with what had to be right in it, and the names of what could not be read."""

    notice: Notice
    number: int
    amount: Money | None
    terms: Terms
    unreadable: list[str]


def _observation(delivery: Delivery, told: Told) -> Observation:
    notice, noted, terms = told.notice, told.unreadable, told.terms
    meaning = STATUS[_aliased(told.number, terms)]
    currency = _currency(terms)
    lines = entries_of(notice.checking_accounts)
    refund = _refund(meaning, told, lines)
    asks = meaning.verify or refund.verify or told.amount is None
    net = sum_of("NetValue", notice.net_value, currency, noted)
    paid = sum_of("PaidValue", notice.paid_value, currency, noted)
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref=str(notice.id_transaction),
        key=key_of(notice, told.number, lines),
        provider_status=_shown_status(told.number, notice.transaction_status),
        state=meaning.state,
        refunds=refund.refunds,
        dispute=meaning.dispute,
        flags=frozenset({Flag.VERIFY}) if asks else frozenset(),
        amount=told.amount,
        fees=sum_of("TaxValue", notice.tax_value, currency, noted),
        net=net or None,  # 0 at the authorisation of a card: not known yet
        merchant_ref=notice.reference,
        method=METHOD.get(notice.payment_method or 0),
        failure_reason=meaning.reason,
        aliases=aliases_of(notice),
        occurred_at=_occurred_at(meaning, told),
        facts=facts_of(notice, paid, noted),
        authority=delivery.authority,
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )


def _occurred_at(meaning: Meaning, told: Told) -> datetime | None:
    dates = {"IncluedDate": told.notice.inclued_date, "PaymentDate": told.notice.payment_date}
    if meaning.told_by is None:
        return None
    return utc_of(meaning.told_by, dates[meaning.told_by], told.terms.timezone, told.unreadable)


def _refund(meaning: Meaning, told: Told, lines: Entries) -> GivenBack:
    transaction = str(told.notice.id_transaction)
    if meaning.refund is None:
        return GivenBack(())
    if meaning.refund is not FacetStatus.SUCCEEDED:
        return GivenBack((Refund(status=meaning.refund, ledger_key=f"{transaction}:requested"),))
    amount = told.amount.amount if told.amount else None
    return given_back(transaction, amount, lines, told.notice.splits, _currency(told.terms))


def _foreign(body: dict[str, Json]) -> bool:
    """Whether it is another webhook of the same account: recurrence, automatic Pix."""
    origin = body.get("Origin")
    if "NotificationWrapper" in body or (isinstance(origin, dict) and "Plan" in origin):
        return True
    return "TransactionStatus" not in body and ("Status" in body or "IdTransaction" not in body)


def _status(status: Status | None, terms: Terms) -> int | Unknown:
    """Read the status number: `Id`, else `Code`."""
    told = {"Id": status.id, "Code": status.code} if status else {}
    for name, value in told.items():
        field = f"TransactionStatus.{name}"
        try:
            number = whole_of(value)
        except UnreadableError as error:
            text = isinstance(value, str)
            reason = ParkReason.UNKNOWN_VALUE if text else ParkReason.MALFORMED
            return _parked(reason, field, value, str(error))
        if number is not None and _aliased(number, terms) in STATUS:
            return number
        if number is not None:
            detail = "a status that no table knows"
            return _parked(ParkReason.UNKNOWN_VALUE, field, str(number), detail)
    return _parked(ParkReason.MALFORMED, "TransactionStatus.Id", None, "no status")


def _aliased(number: int, terms: Terms) -> int:
    word = terms.aliases.get(str(number), "")
    return int(word) if word.isascii() and word.isdigit() else number


def _amount(notice: Notice, terms: Terms) -> Money | Unknown | None:
    if notice.amount is None:
        return None
    try:
        return Money.of(notice.amount, _currency(terms))
    except MoneyError as error:
        return _parked(ParkReason.MALFORMED, "Amount", str(notice.amount), str(error))


def _currency(terms: Terms) -> str:
    return terms.currency or "BRL"


def _shown_status(number: int, status: Status | None) -> str:
    """`3 Autorizado`; the name is free text and shown only where it is short."""
    name = status.name.strip() if status and isinstance(status.name, str) else ""
    short = 0 < len(name) <= _NAME_LIMIT and name.isprintable()
    return f"{number} {name}" if short else str(number)


def _parked(reason: ParkReason, field: str, value: object, detail: str) -> Unknown:
    """Park; of a value that is neither text nor a number only its type is shown."""
    scalar = isinstance(value, str | int | Decimal)
    text = None if value is None else shown(str(value)) if scalar else type(value).__name__
    return Unknown(reason=reason, field=field, value=text, detail=detail)
