"""Rules 1 to 4: the state that the state observations give, walked in effective order.

The walk sees the observations in one canonical order (effective time, then band, then place in
the band, then key), so the order of arrival cannot matter. Refunds, voids and disputes come after
it, in `facets`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from libs.domain.lifecycle import (
    AUTHORITY_RANK,
    BANDS,
    Authority,
    Band,
    Flag,
    Kind,
    State,
    band_of,
    order_of,
)
from libs.domain.observation import CancelStatus, Observation
from libs.domain.verdict import Outcome, Rule, Verdict

_MONEY: Final = frozenset(state for bands in BANDS.values() for state in bands[Band.POSITIVE])


@dataclass(slots=True)
class Walk:
    """The state so far, who decided it, and what became of each observation."""

    kind: Kind
    state: State | None = None
    band: Band | None = None
    decider: Observation | None = None
    late: bool = False
    refusals_differ: bool = False
    refused_after_paid: bool = False
    return_told: bool = False
    money_received_at: datetime | None = None  # when we first heard that it was paid
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def flags(self) -> frozenset[Flag]:
        """Return the flags that follow from the walk."""
        if not (self.late or self.refused_after_paid or self.refusals_differ or self.returned):
            return frozenset()
        found = set()
        if self.late:
            found.add(Flag.LATE)
        if self.refused_after_paid or (self.refusals_differ and self.band is Band.NEGATIVE):
            found.add(Flag.CONFLICT)
        if self.returned and not self.return_told:
            found.add(Flag.VERIFY)
        return frozenset(found)

    @property
    def returned(self) -> bool:
        """Whether it is a payout that came back."""
        return self.state is State.RETURNED


def walk(kind: Kind, observations: Iterable[Observation]) -> Walk:
    """Give the base state of the observations that say a state."""
    if kind is Kind.PAYOUT:  # a payment knows no rejection
        observations = _cancels_granted(observations)
    told = [o for o in observations if o.state is not None]
    if len(told) > 1:
        told.sort(key=lambda o: _canonical(kind, o))
    so_far = Walk(kind, money_received_at=_money_received_at(told))
    for observation in told:
        _step(so_far, observation)
    so_far.return_told = so_far.returned and any(
        o.state is State.RETURNED and _at_least(o.authority, Authority.REPORT) for o in told
    )
    return so_far


def _money_received_at(told: Iterable[Observation]) -> datetime | None:
    return min([o.received_at for o in told if o.state in _MONEY], default=None)


def _canonical(kind: Kind, observation: Observation) -> tuple[object, ...]:
    assert observation.state is not None  # noqa: S101 - for the type checker; walk() filters
    return (observation.effective_at, order_of(kind, observation.state), observation.key)


def _cancels_granted(observations: Iterable[Observation]) -> list[Observation]:
    """Turn rejections into cancellations where a cancel was asked for and not refused."""
    found = list(observations)
    asked = any(
        o.cancel is CancelStatus.REQUESTED or o.state is State.CANCEL_REQUESTED for o in found
    )
    refused = any(o.cancel is CancelStatus.FAILED for o in found)
    if not asked or refused:
        return found
    return [replace(o, state=State.CANCELED) if o.state is State.REJECTED else o for o in found]


def _step(so_far: Walk, said: Observation) -> None:
    assert said.state is not None  # noqa: S101 - for the type checker; walk() filters
    band = band_of(so_far.kind, said.state)
    if so_far.band is None or band > so_far.band:
        so_far.late |= band is Band.POSITIVE and so_far.band is Band.NEGATIVE
        _decide(so_far, said, said.state, Rule.HIGHEST_BAND)
    elif band < so_far.band:
        _step_below(so_far, said, band)
    elif band in (Band.OPEN, Band.HELD):
        _decide(so_far, said, said.state, Rule.LATEST_IN_BAND)
    else:
        _step_beside(so_far, said)


def _step_below(so_far: Walk, said: Observation, band: Band) -> None:
    """Rules 1 and 4: something of a lower band, told of a later time."""
    after_money = band is Band.NEGATIVE and so_far.band in (Band.POSITIVE, Band.MONEY_BACK)
    if after_money and _came_first(so_far, said):
        so_far.late = True
        _note(so_far, said, Outcome.STALE, Rule.HIGHEST_BAND)
    elif not after_money or not _at_least(said.authority, Authority.SECRET):
        _note(so_far, said, Outcome.STALE, Rule.HIGHEST_BAND)
    elif so_far.kind is Kind.PAYOUT:
        if so_far.state is State.PAID:
            _decide(so_far, said, State.RETURNED, Rule.AFTER_PAID)
        else:
            _note(so_far, said, Outcome.APPLIED, Rule.AFTER_PAID)
    else:
        so_far.refused_after_paid = True
        _note(so_far, said, Outcome.CONFLICT, Rule.AFTER_PAID)


def _came_first(so_far: Walk, refusal: Observation) -> bool:
    """Whether a refusal without a time of its own reached us before the first word of money.

    Its receipt would else be compared with the provider's time of the payment, which lies before
    every receipt, and no refusal of such a provider could ever be the earlier one.
    """
    return (
        refusal.occurred_at is None
        and so_far.money_received_at is not None
        and refusal.received_at < so_far.money_received_at
    )


def _step_beside(so_far: Walk, said: Observation) -> None:
    """Rule 3: another answer of the same band, at the same time or later."""
    assert so_far.decider is not None  # noqa: S101 - a band has a decider
    assert said.state is not None  # noqa: S101 - walk() filters
    standing = so_far.decider.authority
    differs = said.state is not so_far.state
    timer = Authority.TIMER in (standing, said.authority)
    if differs and not timer:
        so_far.refusals_differ = True
    if AUTHORITY_RANK[said.authority] > AUTHORITY_RANK[standing]:
        _decide(so_far, said, said.state, Rule.BEST_AUTHORITY)
    elif not differs:
        _note(so_far, said, Outcome.APPLIED, Rule.BEST_AUTHORITY)
    else:
        outcome = Outcome.STALE if timer else Outcome.CONFLICT
        _note(so_far, said, outcome, Rule.BEST_AUTHORITY)


def _decide(so_far: Walk, said: Observation, state: State, rule: Rule) -> None:
    so_far.state = state
    so_far.band = band_of(so_far.kind, state)
    so_far.decider = said
    _note(so_far, said, Outcome.APPLIED, rule)


def _note(so_far: Walk, said: Observation, outcome: Outcome, rule: Rule) -> None:
    so_far.verdicts[said.key] = Verdict(said.key, outcome, rule)


def _at_least(authority: Authority, wanted: Authority) -> bool:
    return AUTHORITY_RANK[authority] >= AUTHORITY_RANK[wanted]
