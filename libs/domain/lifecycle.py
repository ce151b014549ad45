"""The shared state machine as one table with many readers.

Readers: the fold, the diagram (`caudal lifecycle`), the CHECK constraints of the database, the JSON
Schema of the public event, and the tests. A state lives in a band: movement is free (by effective
time) inside a band and goes one way between bands.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """What an object is. A refund or a dispute is a facet of its payment, never an object."""

    PAYMENT = "payment"
    PAYOUT = "payout"


class State(StrEnum):
    """Every state of both kinds; `BANDS` says which kind has which."""

    CREATED = "created"
    PENDING = "pending"
    IN_REVIEW = "in_review"
    PROCESSING = "processing"
    CANCEL_REQUESTED = "cancel_requested"
    AUTHORIZED = "authorized"
    SENT = "sent"
    DECLINED = "declined"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"
    RETURNED = "returned"


class Band(IntEnum):
    """The bands, ordered: the highest band that is told wins."""

    OPEN = 0
    HELD = 30
    NEGATIVE = 40
    POSITIVE = 50
    MONEY_BACK = 60


class Flag(StrEnum):
    """What a reader of a state should know beside it."""

    LATE = "late"  # paid after it had been refused, canceled or expired
    CONFLICT = "conflict"  # two answers that cannot both be true
    VERIFY = "verify"  # the provider did not say enough: ask its API or a person
    AMOUNT_MISMATCH = "amount_mismatch"  # two different amounts or currencies were told
    UNCORROBORATED = "uncorroborated"  # money that only an unsigned notice has told
    CLOCK = "clock"  # a provider's time lay ahead of receipt and was clamped
    TEST = "test"  # money of a provider's test mode


class Authority(StrEnum):
    """Who said it, best first."""

    OPERATOR = "operator"
    POLL = "poll"
    REPORT = "report"
    SIGNED = "signed"
    SECRET = "secret"
    UNSIGNED = "unsigned"
    TIMER = "timer"


# Greater is better.
AUTHORITY_RANK: Final = MappingProxyType(
    {authority: rank for rank, authority in enumerate(reversed(Authority))}
)

# The table. Inside a band the order counts: at equal times the later in the list wins.
BANDS: Final = MappingProxyType(
    {
        Kind.PAYMENT: MappingProxyType(
            {
                Band.OPEN: (State.CREATED, State.PENDING, State.IN_REVIEW),
                Band.HELD: (State.AUTHORIZED,),
                Band.NEGATIVE: (State.DECLINED, State.FAILED, State.CANCELED, State.EXPIRED),
                Band.POSITIVE: (State.PAID,),
                Band.MONEY_BACK: (
                    State.PARTIALLY_REFUNDED,
                    State.REFUNDED,
                    State.VOIDED,
                    State.DISPUTED,
                    State.CHARGED_BACK,
                ),
            }
        ),
        Kind.PAYOUT: MappingProxyType(
            {
                Band.OPEN: (
                    State.CREATED,
                    State.IN_REVIEW,
                    State.PROCESSING,
                    State.CANCEL_REQUESTED,
                ),
                Band.HELD: (State.SENT,),
                Band.NEGATIVE: (State.REJECTED, State.FAILED, State.CANCELED),
                Band.POSITIVE: (State.PAID,),
                Band.MONEY_BACK: (State.RETURNED,),
            }
        ),
    }
)

_PLACES: Final = MappingProxyType(
    {
        kind: {
            state: (band, place)
            for band, states in bands.items()
            for place, state in enumerate(states)
        }
        for kind, bands in BANDS.items()
    }
)


def states_of(kind: Kind) -> tuple[State, ...]:
    """Every state of a kind, lowest band first."""
    return tuple(_PLACES[kind])


def band_of(kind: Kind, state: State) -> Band:
    """Return the band of a state; `KeyError` where the kind has no such state."""
    return _PLACES[kind][state][0]


def place_of(kind: Kind, state: State) -> int:
    """Return the place of a state inside its band, which breaks ties of time."""
    return _PLACES[kind][state][1]


def order_of(kind: Kind, state: State) -> tuple[Band, int]:
    """Return band and place together: the order of all states of a kind."""
    return _PLACES[kind][state]


def moves(kind: Kind) -> tuple[tuple[State, State], ...]:
    """Every move that one more observation can cause: inside a band any, between bands upward.

    Band 60 is derived from facets, so a payment also falls back from it to `paid` (a dispute won,
    a refund declined); a payout that was returned stays so.
    """
    found: list[tuple[State, State]] = []
    for origin, (origin_band, _) in _PLACES[kind].items():
        for target, (target_band, _) in _PLACES[kind].items():
            falls_back = (
                kind is Kind.PAYMENT
                and origin_band is Band.MONEY_BACK
                and target_band is Band.POSITIVE
            )
            if origin is not target and (target_band >= origin_band or falls_back):
                found.append((origin, target))
    return tuple(found)
