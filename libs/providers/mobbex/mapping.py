"""Mobbex's words and what they mean: first the type decides how a notice is read, then the code.

Sources: https://mobbex.dev/webhooks (types), https://mobbex.dev/codigos-de-estado (codes), and
Mobbex's public plugins where the pages are silent. The plugins' own tables contradict each other
and are not followed: several count delivered (4) or settled (299) payments as failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from libs.contracts.readings import ParkReason
from libs.domain.lifecycle import Flag, State
from libs.domain.observation import DisputeStatus, Extent, FacetStatus
from libs.providers.mobbex.fields import ParkedError, status_code
from libs.providers.mobbex.wire import Data


class Sense(Enum):
    """How a type wants to be read."""

    BY_CODE = auto()  # the status code says it
    EXPIRY = auto()  # expired, whatever the code
    REVERSAL = auto()  # the code is the reversal's, not the payment's
    ATTEMPT = auto()  # a try that failed before the card; moves nothing
    IGNORED = auto()  # of no meaning for a payment


# https://mobbex.dev/webhooks; the subscription types and `checkout:expired` from Mobbex's plugins.
TYPES: Final = MappingProxyType(
    {
        "checkout": Sense.BY_CODE,
        "payment": Sense.BY_CODE,
        "payment_order": Sense.BY_CODE,
        "checkout:expired": Sense.EXPIRY,
        "operator": Sense.REVERSAL,
        "subscription:execution": Sense.BY_CODE,
        "subscription:execution:error": Sense.ATTEMPT,
        "subscription:registration": Sense.IGNORED,
        "subscription:change_source": Sense.IGNORED,
        "subscription:source_change": Sense.IGNORED,
        "subscription:subscriber:active": Sense.IGNORED,
        "subscription:subscriber:suspended": Sense.IGNORED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Money on its way back. `takes_total`: the notice's `payment.total` is what goes back."""

    status: FacetStatus = FacetStatus.SUCCEEDED
    extent: Extent = Extent.UNTOLD
    void: bool = False
    takes_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a notice says about its payment. `timer`: it only says that time ran out."""

    state: State | None = None
    reversal: Reversal | None = None
    dispute: DisputeStatus | None = None
    attempt: bool = False
    settles: bool = False
    timer: bool = False
    flags: frozenset[Flag] = frozenset()


_PENDING: Final = Meaning(state=State.PENDING)
_PAID: Final = Meaning(state=State.PAID)
_SETTLING: Final = Meaning(state=State.PAID, settles=True)
_DECLINED: Final = Meaning(state=State.DECLINED)
_EXPIRED: Final = Meaning(state=State.EXPIRED, timer=True)
_FAILED: Final = Meaning(state=State.FAILED)
_VERIFY: Final = frozenset({Flag.VERIFY})

# https://mobbex.dev/codigos-de-estado. 604 stands on no list of Mobbex's and is parked.
CODES: Final = MappingProxyType(
    {
        "0": _PENDING,  # Sin Estado
        "1": _PENDING,  # Pendiente
        "2": _PENDING,  # En Espera: a cash coupon was issued
        "3": Meaning(state=State.AUTHORIZED),  # Autorizada: waits for its capture
        "4": _PAID,  # Entregada
        "100": Meaning(state=State.IN_REVIEW),  # En Revisión
        "200": _PAID,  # Paga
        "201": _PENDING,  # Aceptada: in process, not paid
        "210": _PAID,  # Retenida: paid, the funds are held
        "299": _SETTLING,  # Liquidación en Progreso
        "300": _SETTLING,  # Liquidada
        "301": _SETTLING,  # Liberada
        "302": _SETTLING,  # Conciliada
        "303": _SETTLING,  # Liberación Retenida
        "400": _DECLINED,  # Declinada
        "401": _EXPIRED,  # Expirada: 60 minutes by default
        "402": _EXPIRED,  # Abandonada
        "403": _FAILED,  # Fallida
        "410": _DECLINED,  # Fondos insuficientes
        "411": _DECLINED,  # Autorización requerida
        "412": _DECLINED,  # Comercio inválido
        "413": _DECLINED,  # Tarjeta inválida
        "414": _DECLINED,  # Problema en la red
        "415": _DECLINED,  # Operación inválida
        "416": _DECLINED,
        "417": _DECLINED,
        "418": _DECLINED,
        "419": _DECLINED,
        "500": _FAILED,  # Error
        # Cancelación en proceso
        "600": Meaning(reversal=Reversal(status=FacetStatus.REQUESTED)),
        # Cancelada: a void, the same day
        "601": Meaning(reversal=Reversal(extent=Extent.FULL, void=True)),
        # Devuelta: a refund, the next day or later
        "602": Meaning(reversal=Reversal(extent=Extent.FULL)),
        # Desconocida: disowned by the cardholder; no other code says chargeback
        "603": Meaning(dispute=DisputeStatus.LOST),
        # Parcialmente Devuelta: nobody tells how much
        "605": Meaning(reversal=Reversal(extent=Extent.PARTIAL), flags=_VERIFY),
        "610": Meaning(state=State.CANCELED),
        "800": _PENDING,  # Lista: a payment order is ready
    }
)

_CODE_PATH: Final = "data.payment.status.code"
_CHECKOUT_CODE_PATH: Final = "data.status.code"
_EXPECTED_OF_EXPIRY: Final = frozenset({"401"})


def meaning_of(sense: Sense, data: Data, aliases: Mapping[str, str]) -> tuple[Meaning, str | None]:
    """Return what a notice means and the code that it gave; parks it where that is not known."""
    if sense is Sense.EXPIRY:
        return _expiry(data)
    if sense is Sense.ATTEMPT:
        return _attempt(data)
    code = status_code(_payment_code(data), _CODE_PATH)
    if code is None:
        raise ParkedError(ParkReason.MALFORMED, "no status code", field=_CODE_PATH)
    meaning = CODES.get(aliases.get(code, code))
    if sense is Sense.REVERSAL:
        meaning = _of_reversal(meaning)
    if meaning is None:
        raise ParkedError(
            ParkReason.UNKNOWN_VALUE, "not a status that we know", field=_CODE_PATH, value=code
        )
    return meaning, code


def _of_reversal(meaning: Meaning | None) -> Meaning | None:
    """Read a code of an `operator` notice: 200 says that the *reversal* was approved.

    Whether it was a void or a refund, and of how much, the notice does not say: hence `verify`.
    A code that is no approval and no reversal is not known here.
    """
    if meaning is None:
        return None
    if meaning.reversal is not None:
        whole = meaning.reversal.extent is Extent.FULL
        return Meaning(reversal=replace(meaning.reversal, takes_total=whole), flags=_VERIFY)
    if meaning.state is State.PAID:
        return Meaning(reversal=Reversal(takes_total=True), flags=_VERIFY)
    return None


def _expiry(data: Data) -> tuple[Meaning, str | None]:
    """Expired, whatever the code; one that is not the expected 401 asks for a look."""
    found = [
        code
        for value, path in (
            (_payment_code(data), _CODE_PATH),
            (data.status.code if data.status else None, _CHECKOUT_CODE_PATH),
        )
        if (code := _any_code(value, path)) is not None
    ]
    odd = not _EXPECTED_OF_EXPIRY.issuperset(found)
    return replace(_EXPIRED, flags=_VERIFY if odd else frozenset()), next(iter(found), None)


def _attempt(data: Data) -> tuple[Meaning, str | None]:
    """Count a failed try, whatever the code; one that tells of money asks for a look."""
    code = _any_code(_payment_code(data), _CODE_PATH)
    told = CODES.get(code or "", _PENDING).state
    money = told in (State.PAID, State.AUTHORIZED)
    return Meaning(attempt=True, flags=_VERIFY if money else frozenset()), code


def _payment_code(data: Data) -> object:
    return data.payment.status.code if data.payment and data.payment.status else None


def _any_code(value: object, path: str) -> str | None:
    """Read a code where the type has said it all: one that is none reads as `?`."""
    try:
        return status_code(value, path)
    except ParkedError:
        return "?"
