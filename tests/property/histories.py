"""Histories of one object out of raw bytes: usual paths, and whatever a hostile world would say.

Ten thousand of them must be cheap, so one draw of bytes is one history: the first byte picks a
usual path, then each six bytes are one observation (what, by whom, when, which clocks, amount and
flags, details). Hypothesis shrinks the bytes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from libs.domain.lifecycle import Authority, Band, Flag, Kind, State, band_of, states_of
from libs.domain.money import Money
from libs.domain.observation import (
    CancelStatus,
    DisputeStatus,
    Extent,
    FacetStatus,
    Observation,
    Refund,
)

History = tuple[Observation, ...]

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
IN_CI: Final = os.environ.get("CAUDAL_TEST_PROFILE") == "ci"
MANY: Final = 10_000 if IN_CI else 500
SOME: Final = 1_500 if IN_CI else 200

_STEP = 6
_LONGEST = 8
_AUTHORITIES = tuple(Authority)
_SUMS = tuple(Decimal(n) for n in ("0", "30", "70", "100", "100.5"))
_AMOUNTS = (None, None, Money.of("100", "BRL"), Money.of("100.0", "BRL"), Money.of("110", "BRL"))
_FLAGS = (frozenset[Flag](), frozenset({Flag.VERIFY}), frozenset({Flag.TEST}))
_PATHS = {
    Kind.PAYMENT: (
        "",
        "",
        "",
        "created pending paid",
        "pending expired paid",
        "authorized paid",
        "paid",
    ),
    Kind.PAYOUT: (
        "",
        "",
        "created processing sent paid",
        "created cancel_requested rejected",
        "paid",
    ),
}
# Told outright, the states of band 60 are rare: providers tell facets.
_STATES = {
    kind: (
        *2 * [s for s in states_of(kind) if band_of(kind, s) < Band.MONEY_BACK],
        *states_of(kind),
    )
    for kind in Kind
}
_FACETS = ("refund", "refund", "refund", "dispute", "dispute", "attempt", "correction", "note")


def examples(count: int) -> settings:
    """So many examples, the same in each run, whatever the machine's speed."""
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def histories(kind: Kind) -> st.SearchStrategy[History]:
    """Give histories of at least one observation; keys may repeat with a later receipt."""
    size = st.binary(min_size=1 + _STEP, max_size=1 + _STEP * _LONGEST)
    return size.map(lambda raw: read(kind, raw))


def one_more(kind: Kind, raw: bytes) -> Observation:
    """Turn six bytes into an observation that names nobody and that no history names."""
    return replace(_said(kind, raw, 0), key="extra", supersedes=())


def read(kind: Kind, raw: bytes) -> History:
    """Turn bytes into a history."""
    paths = _PATHS[kind]
    found = [
        _usual(kind, State(name), minute)
        for minute, name in enumerate(paths[raw[0] % len(paths)].split())
    ]
    for start in range(1, len(raw) - _STEP + 1, _STEP):
        found.append(_said(kind, raw[start : start + _STEP], len(found)))
        if raw[start] % 16 == 15:
            found.append(_repeated(found[raw[start + 1] % len(found)], raw[start + 2]))
    return tuple(found)


def shuffled(said: Sequence[Observation], seed: int) -> list[Observation]:
    """One order of arrival."""
    order = list(said)
    random.Random(seed).shuffle(order)
    return order


def redelivered(said: Sequence[Observation], seed: int) -> list[Observation]:
    """Every report twice, the second copy received later, in one order of arrival."""
    again = [_repeated(o, 1 + n % 3, changed=False) for n, o in enumerate(said)]
    return shuffled([*said, *again], seed)


def _usual(kind: Kind, state: State, minute: int) -> Observation:
    when = NOON + timedelta(minutes=minute)
    return Observation(
        kind=kind, provider_ref="ref", key=f"o{minute}", provider_status=state, state=state,
        authority=Authority.SECRET, occurred_at=when, received_at=when, delivery_id=f"d{minute}",
        amount=Money.of("100", "BRL"),
    )  # fmt: skip


def _said(kind: Kind, raw: bytes, number: int) -> Observation:
    what, who, when, clocks, money, detail = raw
    received = NOON + timedelta(minutes=when % 6)
    occurred = {0: received, 1: None, 2: received - timedelta(minutes=clocks % 5)}.get(
        clocks % 4, received + timedelta(minutes=clocks % 16)
    )
    fields: dict[str, Any] = {
        "kind": kind,
        "provider_ref": "ref",
        "key": f"o{number}",
        "provider_status": f"word-{what}",
        "authority": _AUTHORITIES[who % len(_AUTHORITIES)],
        "occurred_at": occurred,
        "received_at": received,
        "delivery_id": f"d{number}",
        "amount": _AMOUNTS[money % len(_AMOUNTS)],
        "flags": _FLAGS[max(0, money // 32 - 5)],
    }
    return Observation(**fields | _content(kind, what, detail))


def _content(kind: Kind, what: int, detail: int) -> dict[str, Any]:
    states = _STATES[kind]
    choice = what % (len(states) + len(_FACETS))
    if choice < len(states):
        cancels = {State.CANCEL_REQUESTED: CancelStatus.REQUESTED, State.PROCESSING: None}
        state = states[choice]
        cancel = CancelStatus.FAILED if detail % 8 == 7 else cancels.get(state)
        return {"state": state, "cancel": cancel, "attempt": detail % 8 == 1}
    match _FACETS[choice - len(states)]:
        case "refund":
            count = 1 + (detail % 5 == 4)
            return {"refunds": tuple(_entry(detail + 37 * n + what) for n in range(count))}
        case "dispute":
            return {"dispute": tuple(DisputeStatus)[detail % 3]}
        case "attempt":
            return {"attempt": True}
        case "correction":
            return {"supersedes": (f"o{detail % _LONGEST}", f"o{detail // 32}")}
        case _:
            return {"merchant_ref": f"m{detail % 3}", "settlement_step": f"{detail % 4}"}


def _entry(detail: int) -> Refund:
    extents = (Extent.UNTOLD, Extent.UNTOLD, Extent.PARTIAL, Extent.FULL)
    return Refund(
        status=(FacetStatus.SUCCEEDED, FacetStatus.SUCCEEDED, *FacetStatus)[detail % 5],
        ledger_key=f"r{detail % 3}",
        amount=None if detail % 7 > 4 else _SUMS[detail % 7],
        extent=extents[detail // 2 % 4],
        void=detail % 11 == 0,
        answers_dispute=detail % 13 == 0,
    )


def _repeated(said: Observation, minutes: int, *, changed: bool = True) -> Observation:
    """Repeat a key, received later; `changed` where the sender was known otherwise then."""
    later = said.received_at + timedelta(minutes=1 + minutes % 4)
    who = _AUTHORITIES[minutes % len(_AUTHORITIES)] if changed else said.authority
    again = f"{said.delivery_id}-again"
    return replace(said, received_at=later, delivery_id=again, authority=who)
