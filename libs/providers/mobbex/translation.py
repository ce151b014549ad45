"""One Mobbex notice, or one answer about an operation, into one reading.

The body is read (`body`, `wire`), its type and code are looked up (`mapping`), its fields are read
one by one (`fields`, `facts`), and an observation is put together. Whatever cannot be read or is
not known ends as one `Unknown`; nothing is raised, nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Ignored, ParkReason, Reading, Unknown, shown
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority, Band, Flag, Kind, band_of
from libs.domain.observation import Extent, Observation, Refund
from libs.providers.asking import is_polled, route_of
from libs.providers.mobbex.body import fingerprint, read_body
from libs.providers.mobbex.facts import facts_of, method_of, reason_of, total_as_told
from libs.providers.mobbex.fields import (
    ParkedError,
    Sum,
    Times,
    currency_of,
    identity,
    is_absent,
    merchant_ref,
    times_of,
    total_of,
)
from libs.providers.mobbex.mapping import TYPES, Meaning, Reversal, Sense, meaning_of
from libs.providers.mobbex.wire import Data
from libs.providers.port import Terms
from libs.providers.reading import Json, NotReadableError, read_json

# What stands for a notice's type in an answer; so it never is the same observation as a notice.
OPERATION: Final = "operation"
_PLAIN_CODE: Final = re.compile(r"[0-9]{1,6}")


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    """A notice with what names it."""

    type: str
    code: str | None
    ref: str
    data: Data
    times: Times
    body: Json

    @property
    def fingerprint(self) -> str:
        """A name for the content of the body; it takes long and few notices need it."""
        return fingerprint(self.body)

    @property
    def status(self) -> str:
        """The provider's own word: `checkout 200`."""
        return shown(self.type if self.code is None else f"{self.type} {self.code}")

    @property
    def key(self) -> str:
        """`type:payment.id:code:updated`, or the body's fingerprint where that says too little."""
        code = "-" if self.code is None else self.code
        if self.times.updated is None or not (code == "-" or _PLAIN_CODE.fullmatch(code)):
            return self.fingerprint
        return f"{self.type}:{self.ref}:{code}:{self.times.updated}"


def translate(delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
    """Say what a delivery means: one reading, whatever the bytes are."""
    try:
        if is_polled(delivery):
            return (_polled(read_json(delivery.body), delivery, terms),)
        return (_reading(read_body(delivery.body, delivery.content_type), delivery, terms),)
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    except ParkedError as parked:
        return (parked.unknown,)


def _reading(body: Json, delivery: Delivery, terms: Terms) -> Reading:
    if not isinstance(body, dict):
        raise ParkedError(ParkReason.FOREIGN_SHAPE, "JSON, but not an object")
    told = _type(body)
    known = terms.aliases.get(told, told)
    sense = TYPES.get(known)
    if sense is None:
        raise ParkedError(
            ParkReason.UNKNOWN_VALUE, "not a type that we know", field="type", value=told
        )
    if sense is Sense.IGNORED:
        return Ignored(provider_status=shown(told), why="tells nothing about a payment")
    data = _data(body.get("data"), sense)
    meaning, code = meaning_of(sense, data, terms.aliases)
    notice = _Notice(
        type=told,
        code=code,
        ref=identity(data, execution=known.startswith("subscription:execution")),
        data=data,
        times=times_of(data),
        body=body,
    )
    return _observation(notice, meaning, delivery, terms)


def _polled(body: Json, delivery: Delivery, terms: Terms) -> Reading:
    """Read the answer of `/operations/{uid}`: `data.transaction` is what a notice has as `data`.

    An operation that the query calls expired is so by Mobbex' own word, and not by a timer's.
    """
    found = body.get("data") if isinstance(body, dict) else None
    found = found.get("transaction") if isinstance(found, dict) else None
    data = _data(found, Sense.BY_CODE)
    meaning, code = meaning_of(Sense.BY_CODE, data, terms.aliases)
    ref = identity(data, execution=False)
    if ref != route_of(delivery).provider_ref:
        raise ParkedError(ParkReason.MALFORMED, "not the one asked for", field="data.payment.id")
    answer = _Notice(
        type=OPERATION,
        code=code,
        ref=ref,
        data=data,
        times=times_of(data),
        body=found.get("payment") if isinstance(found, dict) else None,
    )
    return _observation(answer, replace(meaning, timer=False), delivery, terms)


def _type(body: dict[str, Json]) -> str:
    told = body.get("type")
    if isinstance(told, str) and told.strip():
        return told.strip()
    if isinstance(body.get("body"), str):
        raise ParkedError(ParkReason.FOREIGN_SHAPE, "text nested in a field", field="body")
    raise ParkedError(
        ParkReason.FOREIGN_SHAPE, "no type, or one that is no text", field="type", value=told
    )


def _data(raw: Json, sense: Sense) -> Data:
    """Read `data`; parks shapes that Mobbex never sends and that public code invents."""
    if not isinstance(raw, dict):
        kind = "text" if isinstance(raw, str) else "absent, or a list or scalar"
        raise ParkedError(ParkReason.FOREIGN_SHAPE, f"`data` is no object but {kind}", field="data")
    for name in ("status", "payment"):
        value = raw.get(name)
        if not (is_absent(value) or isinstance(value, dict)):
            raise ParkedError(
                ParkReason.FOREIGN_SHAPE,
                f"`data.{name}` is no object",
                field=f"data.{name}",
                value=value,
            )
    data = Data.model_validate(raw)
    if data.payment is None and sense in (Sense.BY_CODE, Sense.REVERSAL):
        raise ParkedError(ParkReason.FOREIGN_SHAPE, "no payment in it", field="data.payment")
    return data


def _observation(
    notice: _Notice, meaning: Meaning, delivery: Delivery, terms: Terms
) -> Observation:
    data = notice.data
    money = _sum(data, meaning, terms)
    refund = _refund(notice, meaning.reversal, money) if meaning.reversal else None
    amount = money.amount if refund is None else None
    speaks_currency = amount is None and (money.told or (refund and refund.amount is not None))
    refused = meaning.attempt or (
        meaning.state is not None and band_of(Kind.PAYMENT, meaning.state) is Band.NEGATIVE
    )
    return Observation(
        kind=Kind.PAYMENT,
        provider_ref=notice.ref,
        key=notice.key,
        provider_status=notice.status,
        state=meaning.state,
        refunds=(refund,) if refund else (),
        dispute=meaning.dispute,
        attempt=meaning.attempt,
        settlement_step=notice.code if meaning.settles else None,
        flags=meaning.flags | ({Flag.TEST} if money.is_test else frozenset()),
        amount=amount,
        currency=money.currency if speaks_currency else None,
        merchant_ref=merchant_ref(data),
        method=method_of(data),
        failure_reason=reason_of(data) if refused else None,
        facts=_facts(notice, money, reversal=refund is not None),
        authority=Authority.TIMER if meaning.timer else delivery.authority,
        occurred_at=notice.times.occurred_at,
        received_at=delivery.received_at,
        delivery_id=delivery.id,
    )


def _sum(data: Data, meaning: Meaning, terms: Terms) -> Sum:
    """Read the total, but not of a reversal in which it is not known to be what went back."""
    currency, told = currency_of(data, terms)
    unread = meaning.reversal is not None and not meaning.reversal.takes_total
    return Sum(amount=None if unread else total_of(data, currency), currency=currency, told=told)


def _refund(notice: _Notice, reversal: Reversal, money: Sum) -> Refund:
    """One entry of the ledger: all that give back everything share a key, each 605 has its own."""
    ledger = "full"
    if reversal.extent is Extent.PARTIAL:
        ledger = f"605:{notice.times.updated or notice.fingerprint}"
    return Refund(
        status=reversal.status,
        ledger_key=f"{notice.ref}:{ledger}",
        amount=money.amount.amount if money.amount else None,
        extent=reversal.extent,
        void=reversal.void,
    )


def _facts(notice: _Notice, money: Sum, *, reversal: bool) -> dict[str, str]:
    facts = facts_of(notice.data, notice.times, notice.ref)
    if reversal and (total := total_as_told(notice.data)) is not None:
        facts["reversal_total"] = total
    if money.amount is not None and not money.told:
        facts["currency"] = "assumed"
    return facts
