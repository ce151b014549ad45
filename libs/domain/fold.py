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
from typing import Final, NamedTuple

from libs.domain.base_state import Walk, walk
from libs.domain.facets import NO_FACETS, Facets, facets
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import (
    AUTHORITY_RANK,
    Authority,
    Band,
    Flag,
    Kind,
    State,
    band_of,
)
from libs.domain.money import quantum
from libs.domain.observation import Observation
from libs.domain.verdict import Outcome, Rule, Verdict

# A poll can be stale, and a correction can lower a band: only a person may.
_MAY_CORRECT = (Authority.OPERATOR,)


@unguarded
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
    marked = _marked(told)
    superseded = _superseded(marked)
    standing = told
    if superseded:
        standing = [o for o in told if o.key not in superseded]
        marked = _marked(standing)
    so_far = walk(kind, standing)
    facts = _facts(kind, standing)
    beside = _beside(marked) if marked else _NOTHING
    given_back = NO_FACETS if kind is Kind.PAYOUT else facets(marked, facts.amount)
    state, tellers = _state(so_far, given_back)
    decider = tellers[-1] if tellers else standing[-1]
    flags = (
        _flags(standing, so_far, given_back, tellers)
        | _flags_told(standing, marked, tellers)
        | _corroboration(kind, standing, state, tellers, facts.amount)
    )
    return Folded(
        state=state,
        flags=flags,
        amount=facts.amount,
        currency=facts.currency,
        refunded_amount=_quantized(given_back.refunded, facts.currency),
        fees=facts.fees,
        net=facts.net,
        merchant_ref=facts.merchant_ref,
        method=facts.method,
        failure_reason=decider.failure_reason if _refused(kind, state) else None,
        expires_at=facts.expires_at,
        settlement_step=beside.settlement_step,
        attempts=beside.attempts,
        livemode=Flag.TEST not in flags,
        aliases=beside.aliases,
        decided_by=decider.key,
        provider_status=decider.provider_status,
        authority=decider.authority,
        occurred_at=decider.effective_at,
        received_at=decider.received_at,
        delivery_id=decider.delivery_id,
        verdicts=_verdicts(told, superseded, so_far, given_back),
    )


def _distinct(observations: Iterable[Observation]) -> list[Observation]:
    """One observation for each key, the one that stands; in order of effective time."""
    first: dict[str, Observation] = {}
    for said in observations:
        known = first.get(said.key)
        if known is None or said.precedence < known.precedence:
            first[said.key] = said
    if len(first) == 1:
        return list(first.values())
    return sorted(first.values(), key=lambda o: (o.effective_at, o.key))


def _marked(told: Sequence[Observation]) -> list[Observation]:
    """Return those that say more than a state and facts; usually there are none.

    What sums or joins such words need look at no other: a third of the fold's time.
    """
    return [
        o
        for o in told
        if o.refunds
        or o.dispute is not None
        or o.flags
        or o.attempt
        or o.supersedes
        or o.settlement_step is not None
        or o.aliases
        or o.clock_ahead
    ]


def _superseded(marked: Sequence[Observation]) -> frozenset[str]:
    """Rule 7: the keys that corrections name; a later correction can undo an earlier one.

    Never the other way round: a correction that stands is not taken back by one received before
    it.
    """
    corrections = [o for o in marked if o.supersedes and o.authority in _MAY_CORRECT]
    if not corrections:
        return frozenset()
    gone: set[str] = set()
    stands: set[str] = set()
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
    """Return the flags that follow from what was said together."""
    found = so_far.flags() | given_back.flags
    if given_back.state is not None and so_far.band is Band.NEGATIVE:
        found |= _unseen_payment(standing, tellers[0])
    if _amounts_differ(standing):
        found |= {Flag.AMOUNT_MISMATCH}
    return found


def _flags_told(
    standing: Sequence[Observation],
    marked: Sequence[Observation],
    tellers: Sequence[Observation],
) -> frozenset[Flag]:
    """Return the flags that single observations bring.

    What an adapter marks for the whole object stays; "verify" goes with what it was said about.
    """
    if not marked:
        return frozenset()
    found: set[Flag] = set()
    for said in marked:
        found |= said.flags - {Flag.VERIFY}
        if said.clock_ahead:
            found.add(Flag.CLOCK)
    if tellers and not tellers[-1].refunds:
        found |= tellers[-1].flags
    attempted = {flag for o in marked if o.attempt and o.state is None for flag in o.flags}
    if attempted and not any(_reported(o) for o in standing):
        found |= attempted
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
    money = [o.amount for o in standing if o.amount is not None]
    currencies = [each.currency for each in money]
    currencies += [o.currency for o in standing if o.currency is not None]
    return _differ([each.amount for each in money]) or _differ(currencies)


def _differ(values: list[Decimal] | list[str]) -> bool:
    return len(values) > 1 and values.count(values[0]) < len(values)  # type: ignore[arg-type]


def _corroboration(
    kind: Kind,
    standing: Sequence[Observation],
    state: State | None,
    tellers: Sequence[Observation],
    amount: Decimal | None,
) -> frozenset[Flag]:
    """Rule 11: money that only an unsigned authority has told carries a flag.

    A state of facets is made of several observations, so the question is whether those of a better
    authority make the same state without the unsigned ones.
    """
    if state is None or band_of(kind, state) < Band.POSITIVE:
        return frozenset()
    better = [o for o in standing if _signed_for(o)]
    if len(better) == len(standing):
        return frozenset()
    supporters = [*tellers, *(o for o in standing if o.state is state)]
    agreed = any(_signed_for(o) for o in supporters)
    if agreed and kind is Kind.PAYMENT:
        without = _state(walk(kind, better), facets(better, amount))
        agreed = without[0] is state
    return frozenset() if agreed else frozenset({Flag.UNCORROBORATED})


def _reported(said: Observation) -> bool:
    return AUTHORITY_RANK[said.authority] >= AUTHORITY_RANK[Authority.REPORT]


def _signed_for(said: Observation) -> bool:
    return AUTHORITY_RANK[said.authority] > AUTHORITY_RANK[Authority.UNSIGNED]


def _weight(kind: Kind, said: Observation) -> tuple[object, ...]:
    """How much an observation's facts count: its band, its authority, then how late it is."""
    if said.state is not None:
        band = band_of(kind, said.state)
    else:
        band = Band.MONEY_BACK if said.refunds or said.dispute else Band.OPEN
    return (band, AUTHORITY_RANK[said.authority], said.effective_at, said.key)


class _Facts(NamedTuple):
    amount: Decimal | None
    currency: str | None
    fees: Decimal | None
    net: Decimal | None
    merchant_ref: str | None
    method: str | None
    expires_at: datetime | None


def _facts(kind: Kind, standing: Sequence[Observation]) -> _Facts:
    """Rule 10: each fact as the weightiest observation that has it tells it.

    The currency is that of the amount; without any amount, the one that was told beside it.
    """
    if len(standing) > 1:
        standing = sorted(standing, key=lambda o: _weight(kind, o), reverse=True)
    money = currency = fees = net = merchant_ref = method = expires_at = None
    for said in standing:
        money = said.amount if money is None else money
        currency = said.currency if currency is None else currency
        fees = said.fees if fees is None else fees
        net = said.net if net is None else net
        merchant_ref = said.merchant_ref if merchant_ref is None else merchant_ref
        method = said.method if method is None else method
        expires_at = said.expires_at if expires_at is None else expires_at
    if money is None:
        return _Facts(None, currency, fees, net, merchant_ref, method, expires_at)
    return _Facts(money.amount, money.currency, fees, net, merchant_ref, method, expires_at)


class _Beside(NamedTuple):
    settlement_step: str | None
    attempts: int
    aliases: tuple[str, ...]


_NOTHING: Final = _Beside(None, 0, ())


def _beside(marked: Sequence[Observation]) -> _Beside:
    """Return what is kept of an object beside its state: the last step, counts, other names."""
    stepping = [o for o in marked if o.settlement_step is not None]
    last = max(stepping, key=lambda o: (o.effective_at, o.key), default=None)
    return _Beside(
        None if last is None else last.settlement_step,
        sum([o.attempt for o in marked]),
        tuple(sorted({alias for o in marked for alias in o.aliases})),
    )


def _refused(kind: Kind, state: State | None) -> bool:
    return state is State.RETURNED or (state is not None and band_of(kind, state) is Band.NEGATIVE)


def _quantized(amount: Decimal | None, currency: str | None) -> Decimal | None:
    if amount is None or currency is None:
        return amount
    return amount.quantize(quantum(currency))


def _verdicts(
    told: Sequence[Observation], superseded: frozenset[str], so_far: Walk, given_back: Facets
) -> tuple[Verdict, ...]:
    """Return one verdict for each observation, in order of effective time."""
    found = {verdict.key: verdict for verdict in given_back.verdicts} | so_far.verdicts
    for said in told:
        if said.key in superseded:
            found[said.key] = Verdict(said.key, Outcome.SUPERSEDED, Rule.CORRECTION)
        elif said.key not in found:
            found[said.key] = Verdict(said.key, Outcome.APPLIED, _rule_of_stateless(said))
    return tuple([found[said.key] for said in told])


def _rule_of_stateless(said: Observation) -> Rule:
    if said.supersedes and said.authority in _MAY_CORRECT:
        return Rule.CORRECTION
    return Rule.ATTEMPT if said.attempt else Rule.NOTED
