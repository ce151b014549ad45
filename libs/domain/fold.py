"""The fold: from the set of observations of one object to its one state.

`fold` is a pure function of the *set*: order, repetition and interleaving of the observations
cannot change what it returns. The eleven rules live in `base_state` (1 to 4, and 5 for payouts),
`facets` (5, 6) and here (7 to 11).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from libs.domain.base_state import Walk, walk
from libs.domain.facets import Facets, facets
from libs.domain.lifecycle import (
    AUTHORITY_RANK,
    Authority,
    Band,
    Flag,
    Kind,
    State,
    band_of,
)
from libs.domain.money import Money, exponent
from libs.domain.observation import Observation
from libs.domain.verdict import Outcome, Rule, Verdict

_MAY_CORRECT = (Authority.OPERATOR, Authority.POLL)
_NO_FACETS = Facets(None, (), Decimal(0), frozenset(), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What an object is, given everything that was said about it.

    `state` is None while nothing said so far gives one (an attempt, a refund that is only
    requested). `provider_status`, `occurred_at`, `received_at`, `authority` and `delivery_id` are
    those of the observation that decided. `refunded_amount` is None where money went back whose
    sum nobody told.
    """

    state: State | None
    flags: frozenset[Flag]
    amount: Decimal | None
    currency: str | None
    refunded_amount: Decimal | None
    fees: Decimal | None
    net: Decimal | None
    merchant_ref: str | None
    method: str | None
    failure_reason: str | None
    expires_at: datetime | None
    settlement_step: str | None
    attempts: int
    livemode: bool
    aliases: tuple[str, ...]
    decided_by: str
    provider_status: str
    authority: Authority
    occurred_at: datetime
    received_at: datetime
    delivery_id: str
    verdicts: tuple[Verdict, ...]


def fold(kind: Kind, observations: Iterable[Observation]) -> Folded:
    """Fold a non-empty set of observations of one object. `ValueError` for an empty one."""
    told = _distinct(observations)
    if not told:
        raise ValueError("nothing was said about the object")
    superseded = _superseded(told)
    standing = [o for o in told if o.key not in superseded]
    so_far = walk(kind, standing)
    amount = _amount(kind, standing)
    given_back = (
        facets(standing, amount.amount if amount else None) if kind is Kind.PAYMENT else _NO_FACETS
    )
    state, tellers = _state(so_far, given_back)
    decider = tellers[-1] if tellers else max(standing, key=lambda o: (o.effective_at, o.key))
    currency = amount.currency if amount else _currency(kind, standing)
    return Folded(
        state=state,
        flags=_flags(standing, so_far, given_back, tellers)
        | _corroboration(kind, standing, state, tellers, amount),
        amount=amount.amount if amount else None,
        currency=currency,
        refunded_amount=_quantized(given_back.refunded, currency),
        fees=_pick(kind, standing, "fees"),
        net=_pick(kind, standing, "net"),
        merchant_ref=_pick(kind, standing, "merchant_ref"),
        method=_pick(kind, standing, "method"),
        failure_reason=decider.failure_reason if _refused(kind, state) else None,
        expires_at=_pick(kind, standing, "expires_at"),
        settlement_step=_settlement_step(standing),
        attempts=sum(o.attempt for o in standing),
        livemode=not any(Flag.TEST in o.flags for o in standing),
        aliases=tuple(sorted({alias for o in standing for alias in o.aliases})),
        decided_by=decider.key,
        provider_status=decider.provider_status,
        authority=decider.authority,
        occurred_at=decider.effective_at,
        received_at=decider.received_at,
        delivery_id=decider.delivery_id,
        verdicts=_verdicts(told, superseded, so_far, given_back),
    )


def _distinct(observations: Iterable[Observation]) -> list[Observation]:
    """One observation for each key: the one that was received first."""
    first: dict[str, Observation] = {}
    for said in observations:
        known = first.get(said.key)
        if known is None or (said.received_at, said.delivery_id) < (
            known.received_at,
            known.delivery_id,
        ):
            first[said.key] = said
    return sorted(first.values(), key=lambda o: (o.effective_at, o.key))


def _superseded(told: Sequence[Observation]) -> frozenset[str]:
    """Rule 7: the keys that corrections name; a later correction can undo an earlier one.

    Never the other way round: a correction that stands is not taken back by one received before
    it.
    """
    gone: set[str] = set()
    stands: set[str] = set()
    corrections = [o for o in told if o.supersedes and o.authority in _MAY_CORRECT]
    for correction in sorted(corrections, key=lambda o: (o.received_at, o.key), reverse=True):
        if correction.key not in gone:
            stands.add(correction.key)
            gone.update(key for key in correction.supersedes if key not in stands)
    return frozenset(gone)


def _state(so_far: Walk, given_back: Facets) -> tuple[State | None, tuple[Observation, ...]]:
    """Put the facets on top of the base state; return the state and who tells it, decider last.

    A facet that moves the state implies that the payment had been paid, also where the provider
    skipped that notice.
    """
    if given_back.state is not None and (so_far.band is None or so_far.band <= Band.POSITIVE):
        return given_back.state, given_back.tellers
    if so_far.decider is None:
        return None, ()
    return so_far.state, (so_far.decider,)


def _flags(
    standing: Sequence[Observation],
    so_far: Walk,
    given_back: Facets,
    tellers: Sequence[Observation],
) -> frozenset[Flag]:
    found = set(so_far.flags() | given_back.flags)
    # What an adapter marks for the whole object stays; "verify" goes with what it was said about.
    for said in standing:
        found |= said.flags - {Flag.VERIFY}
        if said.clock_ahead:
            found.add(Flag.CLOCK)
    if tellers and not tellers[-1].refunds:
        found |= tellers[-1].flags
    if not any(AUTHORITY_RANK[o.authority] >= AUTHORITY_RANK[Authority.REPORT] for o in standing):
        found |= {flag for o in standing if o.attempt and o.state is None for flag in o.flags}
    if given_back.state is not None and so_far.band is Band.NEGATIVE:
        found |= _unseen_payment(standing, tellers[0])
    if _amounts_differ(standing):
        found.add(Flag.AMOUNT_MISMATCH)
    return frozenset(found)


def _unseen_payment(standing: Sequence[Observation], money: Observation) -> set[Flag]:
    """Rules 1 and 4 where only a facet tells of the money and `paid` itself was never told."""
    refusals = [o for o in standing if o.state and band_of(Kind.PAYMENT, o.state) is Band.NEGATIVE]
    found = set()
    if any(o.effective_at <= money.effective_at for o in refusals):
        found.add(Flag.LATE)
    if any(
        o.effective_at > money.effective_at
        and AUTHORITY_RANK[o.authority] >= AUTHORITY_RANK[Authority.SECRET]
        for o in refusals
    ):
        found.add(Flag.CONFLICT)
    return found


def _amounts_differ(standing: Sequence[Observation]) -> bool:
    """Rule 10: whether two amounts, or two currencies, were told."""
    amounts = {o.amount for o in standing if o.amount is not None}
    currencies = {money.currency for money in amounts}
    currencies |= {o.currency for o in standing if o.currency is not None}
    return len(amounts) > 1 or len(currencies) > 1


def _corroboration(
    kind: Kind,
    standing: Sequence[Observation],
    state: State | None,
    tellers: Sequence[Observation],
    amount: Money | None,
) -> frozenset[Flag]:
    """Rule 11: money that only an unsigned authority has told carries a flag.

    A state of facets is made of several observations, so the question is whether those of a better
    authority make the same state without the unsigned ones.
    """
    if state is None or band_of(kind, state) < Band.POSITIVE:
        return frozenset()
    supporters = [*tellers, *(o for o in standing if o.state is state)]
    better = [o for o in standing if _signed_for(o)]
    agreed = any(_signed_for(o) for o in supporters)
    if agreed and kind is Kind.PAYMENT and len(better) < len(standing):
        without = _state(walk(kind, better), facets(better, amount.amount if amount else None))
        agreed = without[0] is state
    return frozenset() if agreed else frozenset({Flag.UNCORROBORATED})


def _signed_for(said: Observation) -> bool:
    return AUTHORITY_RANK[said.authority] > AUTHORITY_RANK[Authority.UNSIGNED]


def _weight(kind: Kind, said: Observation) -> tuple[object, ...]:
    """How much an observation's facts count: its band, its authority, then how late it is."""
    if said.state is not None:
        band = band_of(kind, said.state)
    else:
        band = Band.MONEY_BACK if said.refunds or said.dispute else Band.OPEN
    return (band, AUTHORITY_RANK[said.authority], said.effective_at, said.key)


def _amount(kind: Kind, standing: Sequence[Observation]) -> Money | None:
    """Rule 10: the amount of the weightiest observation that tells one."""
    told = [o for o in standing if o.amount is not None]
    return max(told, key=lambda o: _weight(kind, o)).amount if told else None


def _currency(kind: Kind, standing: Sequence[Observation]) -> str | None:
    told = [o for o in standing if o.currency is not None]
    return max(told, key=lambda o: _weight(kind, o)).currency if told else None


def _pick(kind: Kind, standing: Sequence[Observation], name: str) -> Any:  # noqa: ANN401
    """Return a fact as the weightiest observation that has it tells it."""
    told = [o for o in standing if getattr(o, name) is not None]
    if not told:
        return None
    return getattr(max(told, key=lambda o: _weight(kind, o)), name)


def _settlement_step(standing: Sequence[Observation]) -> str | None:
    told = [o for o in standing if o.settlement_step is not None]
    return max(told, key=lambda o: (o.effective_at, o.key)).settlement_step if told else None


def _refused(kind: Kind, state: State | None) -> bool:
    return state is State.RETURNED or (state is not None and band_of(kind, state) is Band.NEGATIVE)


def _quantized(amount: Decimal | None, currency: str | None) -> Decimal | None:
    if amount is None or currency is None:
        return amount
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)))


def _verdicts(
    told: Sequence[Observation], superseded: frozenset[str], so_far: Walk, given_back: Facets
) -> tuple[Verdict, ...]:
    """Return one verdict for each observation, in order of effective time."""
    found = {verdict.key: verdict for verdict in (*given_back.verdicts, *so_far.verdicts)}
    for said in told:
        if said.key in superseded:
            found[said.key] = Verdict(said.key, Outcome.SUPERSEDED, Rule.CORRECTION)
        elif said.key not in found:
            found[said.key] = Verdict(said.key, Outcome.APPLIED, _rule_of_stateless(said))
    return tuple(found[said.key] for said in told)


def _rule_of_stateless(said: Observation) -> Rule:
    if said.supersedes and said.authority in _MAY_CORRECT:
        return Rule.CORRECTION
    return Rule.ATTEMPT if said.attempt else Rule.NOTED
