"""What a PayU notification means: two status fields, read together.

`status` (the payment order's) and `state` (the payout's) are each looked up in a table. A final
`status` decides alone; otherwise the one that is further on wins (higher band, then later in the
band's list). Whether a rejection was a granted cancel is not decided here: it takes the whole
history, so the evidence travels as `Observation.cancel`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown, shown
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Flag, Kind, State, band_of, place_of, states_of
from libs.domain.money import Money, MoneyError
from libs.domain.observation import CancelStatus, Observation
from libs.providers.fields import MalformedError, UnreadableError
from libs.providers.payu.body import read_body
from libs.providers.payu.facts import facts_of, key_of, short_code
from libs.providers.payu.spelling import normalised, translated
from libs.providers.payu.wire import Notification, notification_of, text_of
from libs.providers.port import Terms
from libs.providers.reading import Json, NotReadableError

# https://developers.payulatam.com/latam/es/docs/services/payouts.html, states of a payment order
STATUS: Final = MappingProxyType(
    {
        "REQUEST_BY_THE_MERCHANT": State.CREATED,
        "IN_VALIDATION": State.IN_REVIEW,
        "IN_PAYU_PROCESS": State.PROCESSING,
        "AWAITING_BANK_SENT": State.PROCESSING,
        "IN_BANKING_PROCESS": State.SENT,
        "CONFIRMED_BY_THE_BANK": State.PAID,
        "REJECTED": State.REJECTED,  # also how a granted cancel ends: the fold decides
    }
)
FINAL: Final = frozenset({State.PAID, State.REJECTED})

# https://developers.payulatam.com/latam/es/docs/services/payouts.html, states of a payout
STATE: Final = MappingProxyType(
    {
        "AWAITING_SANCTION_SCREENING": State.IN_REVIEW,
        "AWAITING_FOR_SENT": State.CREATED,
        "SENT_TO_CREATE": State.CREATED,
        "CREATED": State.CREATED,
        "AWAITING_TO_CANCEL": State.CANCEL_REQUESTED,
        "SENT_FOR_CANCELLATION": State.CANCEL_REQUESTED,
        "CANCELLATION_FAILED": State.PROCESSING,
        "REJECTED": State.REJECTED,
        # The process ended, which is not "paid": what the order's status says, and ask.
        "PROCESSING_COMPLETED": State.PROCESSING,
    }
)
SAYS_TOO_LITTLE: Final = "PROCESSING_COMPLETED"

# The same words as evidence for or against a cancel, whatever decides the state.
CANCEL: Final = MappingProxyType(
    {
        "AWAITING_TO_CANCEL": CancelStatus.REQUESTED,
        "SENT_FOR_CANCELLATION": CancelStatus.REQUESTED,
        "CANCELLATION_FAILED": CancelStatus.FAILED,
    }
)

_PLACES: Final = {
    state: (band_of(Kind.PAYOUT, state), place_of(Kind.PAYOUT, state))
    for state in states_of(Kind.PAYOUT)
}
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_IDENTITY: Final = ("pushPaymentId", "paymentOrderId")


@unguarded
@dataclass(frozen=True, slots=True)
class Word:
    """One of the two status fields: PayU's word, our word for it, or what is wrong with it."""

    word: str = ""
    state: State | None = None
    unknown: Unknown | None = None

    @property
    def in_key(self) -> str:
        """The word as a part of the key; marked while it is not understood.

        So a repetition that arrives once the word has been mapped is news.
        """
        return f"?{self.word}" if self.unknown else self.word


def translate(delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
    """Say what one notification means: see the port."""
    try:
        body = read_body(delivery)
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    if not isinstance(body, dict) or body.keys().isdisjoint({*_IDENTITY, "state", "status"}):
        return (Unknown(reason=ParkReason.FOREIGN_SHAPE, detail="no payout notification"),)
    return _of_payout(delivery, terms, body)


def _of_payout(delivery: Delivery, terms: Terms, body: dict[str, Json]) -> tuple[Reading, ...]:
    unreadable: list[str] = []
    try:
        notification = notification_of(body, unreadable)
    except MalformedError as error:
        return (_malformed(error),)
    amount = _amount(notification, terms)
    if isinstance(amount, Unknown):
        return (amount,)
    return _readings(delivery, terms, notification, amount, unreadable)


def _readings(
    delivery: Delivery,
    terms: Terms,
    said: Notification,
    amount: Money | None,
    unreadable: list[str],
) -> tuple[Reading, ...]:
    payout = said.push_payment_id or said.payment_order_id
    if payout is None:
        return (Unknown(reason=ParkReason.NO_IDENTITY, field=_IDENTITY[0], detail="no payout id"),)
    state = _look_up("state", said.state, STATE, terms)
    status = _look_up("status", said.status, STATUS, terms)
    unknowns = tuple(word.unknown for word in (state, status) if word.unknown)
    meaning = _pair(status.state, state.state)
    if meaning is None:
        return unknowns or (
            Unknown(reason=ParkReason.MALFORMED, field="status", detail="neither status nor state"),
        )
    asks = state.word == SAYS_TOO_LITTLE and status.state not in FINAL
    other = said.payment_order_id
    observation = Observation(
        kind=Kind.PAYOUT,
        provider_ref=payout,
        key=key_of(payout, state.in_key, status.in_key, said),
        provider_status=shown(f"{state.word or '-'} / {status.word or '-'}"),
        state=meaning,
        cancel=CANCEL.get(state.word),
        flags=frozenset({Flag.VERIFY}) if asks else frozenset(),
        amount=amount,
        failure_reason=short_code(said.error_code),
        aliases=(other,) if other is not None and other != payout else (),
        facts=facts_of(said, delivery.route_event, unreadable),
        authority=delivery.authority,
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )
    return (observation, *unknowns)


def _pair(status: State | None, state: State | None) -> State | None:
    """Rules of the pair: a final `status` alone, else the one that is further on."""
    if status in FINAL or state is None:
        return status
    if status is None:
        return state
    return state if _PLACES[state] > _PLACES[status] else status


def _look_up(field: str, value: object, table: Mapping[str, State], terms: Terms) -> Word:
    try:
        text = text_of(value)
    except UnreadableError:
        detail = f"{field} is not text"
        return Word("", None, Unknown(reason=ParkReason.MALFORMED, field=field, detail=detail))
    if text is None:
        return Word()
    word = translated(normalised(text), terms)
    if word in table:
        return Word(word, table[word])
    unknown = Unknown(
        reason=ParkReason.UNKNOWN_VALUE,
        field=field,
        value=shown(text),
        detail=f"a {field} that no table knows",
    )
    return Word(word, None, unknown)


def _amount(said: Notification, terms: Terms) -> Money | Unknown | None:
    if said.value is None:
        return None
    currency = (said.currency or terms.currency or "COP").upper()
    if not _CURRENCY.fullmatch(currency):
        return _wrong("currency", currency, "not a currency code")
    try:
        return Money.of(said.value, currency)
    except MoneyError as error:
        return _wrong("value", str(said.value), str(error))


def _wrong(field: str, value: str, why: str) -> Unknown:
    return Unknown(reason=ParkReason.MALFORMED, field=field, value=shown(value), detail=why)


def _malformed(error: MalformedError) -> Unknown:
    value = error.value if isinstance(error.value, str) else type(error.value).__name__
    return _wrong(error.field, value, str(error))
