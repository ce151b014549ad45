"""The table: consistent in itself, and the same as the published one."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from libs.domain.lifecycle import (
    BANDS,
    Band,
    Flag,
    Kind,
    State,
    band_of,
    moves,
    place_of,
    states_of,
)

PUBLISHED = {
    Kind.PAYMENT: {
        0: "created pending in_review",
        30: "authorized",
        40: "declined failed canceled expired",
        50: "paid",
        60: "partially_refunded refunded voided disputed charged_back",
    },
    Kind.PAYOUT: {
        0: "created in_review processing cancel_requested",
        30: "sent",
        40: "rejected failed canceled",
        50: "paid",
        60: "returned",
    },
}


@pytest.mark.parametrize("kind", Kind)
def test_table_is_the_published_one(kind: Kind) -> None:
    """Bands, states and their order inside a band."""
    assert {b: list(states) for b, states in BANDS[kind].items()} == {
        b: states.split() for b, states in PUBLISHED[kind].items()
    }


@pytest.mark.parametrize("kind", Kind)
def test_each_state_has_one_place(kind: Kind) -> None:
    """No state stands in two bands; `band_of` and `place_of` read the table back."""
    listed = list(chain.from_iterable(BANDS[kind].values()))
    assert max(Counter(listed).values()) == 1
    assert states_of(kind) == tuple(listed)
    assert all(BANDS[kind][band_of(kind, s)][place_of(kind, s)] is s for s in listed)


def test_every_state_has_a_kind() -> None:
    """No state is in the enumeration alone."""
    assert set(State) == set(states_of(Kind.PAYMENT)) | set(states_of(Kind.PAYOUT))


def test_stranger_to_kind_is_an_error() -> None:
    """A payout cannot be refunded."""
    with pytest.raises(KeyError):
        band_of(Kind.PAYOUT, State.REFUNDED)


def test_flags_are_the_published_ones() -> None:
    published = "late conflict verify amount_mismatch uncorroborated clock test"
    assert list(Flag) == published.split()


@pytest.mark.parametrize("kind", Kind)
def test_moves_go_up_or_beside(kind: Kind) -> None:
    """Every pair inside a band or upward, and the one way back from band 60."""
    found = set(moves(kind))
    assert len(found) == len(moves(kind))
    for origin in states_of(kind):
        for target in states_of(kind):
            up = band_of(kind, target) >= band_of(kind, origin)
            back = (
                kind is Kind.PAYMENT
                and band_of(kind, origin) is Band.MONEY_BACK
                and target is State.PAID
            )
            assert ((origin, target) in found) == (origin is not target and (up or back))


def test_documented_moves_are_there() -> None:
    """Paid after expiry, a bounce after paid, PayU's two ways back."""
    assert (State.EXPIRED, State.PAID) in moves(Kind.PAYMENT)
    assert (State.DISPUTED, State.PAID) in moves(Kind.PAYMENT)
    assert (State.PAID, State.PENDING) not in moves(Kind.PAYMENT)
    assert (State.PAID, State.RETURNED) in moves(Kind.PAYOUT)
    assert (State.RETURNED, State.PAID) not in moves(Kind.PAYOUT)
    assert (State.PROCESSING, State.IN_REVIEW) in moves(Kind.PAYOUT)
