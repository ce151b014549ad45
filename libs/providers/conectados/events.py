"""The seven events and what they mean. `event_type` alone decides.

https://conectados.apidog.io/api-18604273 documents `sale_conditions_approved`. The other six are
known by their menu titles there; their names, codes and states are inferred, so a source can
rename them (`aliases`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from libs.domain.lifecycle import State
from libs.providers.conectados.wire import RetailEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an event says, and what its side fields should say if they agree with it.

    `succeeds`: `code` is 0. `request`: the `state` of the request. `allowed`: `purchase_allowed`.
    """

    state: State | None = None
    counts_attempt: bool = False
    voids: bool = False
    sale: bool = False
    succeeds: bool
    request: str | None = None
    allowed: bool | None = None


DOCUMENTED: Final = "sale_conditions_approved"

MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        # Aprobar condiciones. Its `state: created` is the request's: no sale was created.
        DOCUMENTED: Meaning(state=State.AUTHORIZED, succeeds=True, request="created", allowed=True),
        # Rechazo de aprobación
        "sale_conditions_rejected": Meaning(
            state=State.DECLINED, succeeds=False, request="rejected", allowed=False
        ),
        # OTP Inválido: the customer may try again until `otp_valid_until`
        "otp_invalid": Meaning(counts_attempt=True, succeeds=False),
        # OTP expirado
        "otp_expired": Meaning(state=State.EXPIRED, succeeds=False, request="expired"),
        # Crear Venta
        "sale_created": Meaning(
            state=State.PAID, sale=True, succeeds=True, request="completed", allowed=True
        ),
        # Venta ya creada: repeats `sale_created`, adds no money and may come first
        "sale_already_created": Meaning(state=State.PAID, sale=True, succeeds=False, allowed=True),
        # Anulación de venta, of the whole sale
        "sale_voided": Meaning(voids=True, succeeds=True, request="voided"),
    }
)

DEFAULT_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sale_approval_rejected": "sale_conditions_rejected",
        "sale_conditions_denied": "sale_conditions_rejected",
        "conditions_rejected": "sale_conditions_rejected",
        "invalid_otp": "otp_invalid",
        "otp_incorrect": "otp_invalid",
        "otp_code_expired": "otp_expired",
        "expired_otp": "otp_expired",
        "sale_create": "sale_created",
        "sale_already_exists": "sale_already_created",
        "sale_duplicated": "sale_already_created",
        "sale_cancelled": "sale_voided",
        "sale_void": "sale_voided",
        "void_sale": "sale_voided",
        "sale_annulled": "sale_voided",
    }
)

# `created` is a request's first state whatever became of it, and contradicts nothing.
_REQUESTS: Final = frozenset(
    meaning.request for meaning in MEANINGS.values() if meaning.request
) - {"created"}


def canonical(event_type: str, aliases: Mapping[str, str]) -> str | None:
    """Return the event that a received word stands for, or None.

    A source's aliases come before the names that are only inferred, never before the documented.
    """
    word = _folded(event_type)
    if word == DOCUMENTED:
        return word
    own = {_folded(name): _folded(target) for name, target in aliases.items()}
    word = own.get(word, word)
    word = word if word in MEANINGS else DEFAULT_ALIASES.get(word, word)
    return word if word in MEANINGS else None


def contradicts(event: RetailEvent, meaning: Meaning) -> bool:
    """Whether code, state or permission say the opposite of the event."""
    word = _folded(event.state or "")
    return (
        (event.code is not None and (event.code == 0) is not meaning.succeeds)
        or (meaning.request is not None and word in _REQUESTS - {meaning.request})
        or (
            None not in (event.purchase_allowed, meaning.allowed)
            and event.purchase_allowed is not meaning.allowed
        )
    )


def _folded(word: str) -> str:
    return word.strip().lower()
