"""Rules 5 and 6: refunds, voids and disputes of a payment, and the state that they give.

Refunds are ledger entries under the provider's own refund id (or a key that the adapter derives),
so that two notices of one refund are one entry. Entries are summed; one that says "full" brings
the sum up to the payment's amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from libs.domain.frozen import unguarded
from libs.domain.lifecycle import AUTHORITY_RANK, Authority, Flag, State
from libs.domain.observation import (
    DisputeStatus,
    Extent,
    FacetStatus,
    Observation,
    Refund,
)
from libs.domain.verdict import Outcome, Rule, Verdict

_DISPUTE_ORDER = {status: place for place, status in enumerate(DisputeStatus)}
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_FINAL = (FacetStatus.SUCCEEDED, FacetStatus.DECLINED)


@unguarded
@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the refund ledger, after all notices of it were read together."""

    status: FacetStatus
    amount: Decimal | None
    extent: Extent
    void: bool
    answers_dispute: bool
    amounts_differ: bool
    settled: bool  # a poll, a report or an operator spoke: nothing is left to verify
    asked: bool  # nobody else spoke of it: it is known because somebody asked
    contradicted: bool  # a poll denies what was told; it may be stale, so that stays


@unguarded
@dataclass(frozen=True, slots=True)
class Facets:
    """What the facets of a payment say together.

    `state` is None where they move nothing (the base state stands). `tellers` are the
    observations that say that state. `refunded` is None where money went back whose sum nobody
    told.
    """

    state: State | None
    tellers: tuple[Observation, ...]
    refunded: Decimal | None
    flags: frozenset[Flag]
    verdicts: tuple[Verdict, ...]


NO_FACETS: Final = Facets(None, (), Decimal(0), frozenset(), ())


def facets(observations: Sequence[Observation], amount: Decimal | None) -> Facets:
    """Read all facets together; `amount` is the payment's own, where it is known.

    Most payments have none, and every step below would say so by itself.
    """
    if not any([o.refunds or o.dispute for o in observations]):  # noqa: C419 - no generator: 1 us less
        return NO_FACETS
    entries = _ledger(observations)
    dispute = _dispute(observations)
    answered = dispute is DisputeStatus.OPEN and any(e.answers_dispute for e in _succeeded(entries))
    if answered:
        dispute = None
    state = _state(entries, dispute, amount)
    if state is None and (answered or any(_stands_paid(o) for o in observations)):
        state = State.PAID
    return Facets(
        state=state,
        tellers=_tellers(observations, entries, state, dispute),
        refunded=_refunded(entries, amount),
        flags=_flags(observations, entries, amount),
        verdicts=tuple(_verdicts(observations, dispute)),
    )


def _state(
    entries: dict[str, Entry], dispute: DisputeStatus | None, amount: Decimal | None
) -> State | None:
    """Give the state of band 60, or None where no money is gone or in question."""
    given_back = _succeeded(entries)
    if dispute is DisputeStatus.LOST:
        return State.CHARGED_BACK
    if _covers(given_back, amount):
        return State.VOIDED if any(entry.void for entry in given_back) else State.REFUNDED
    if dispute is DisputeStatus.OPEN:
        return State.DISPUTED
    if any(e.amount or e.extent is Extent.PARTIAL for e in given_back):
        return State.PARTIALLY_REFUNDED
    return None


def _stands_paid(observation: Observation) -> bool:
    """Whether it says that a dispute or a refund ended with the money still there.

    Once told, this stays a ground to be paid, so that one more notice never takes money away.
    """
    declined = any(refund.status is FacetStatus.DECLINED for refund in observation.refunds)
    return observation.dispute is DisputeStatus.WON or declined


def _covers(given_back: list[Entry], amount: Decimal | None) -> bool:
    """Whether all of the money went back.

    A sum of refunds on a payment whose own amount nobody told counts as all of it (with the flag
    `verify`), unless the provider called one of them partial.
    """
    if any(entry.extent is Extent.FULL for entry in given_back):
        return True
    told = _sum(given_back)
    if not told:
        return False
    if amount is None:
        return all(entry.extent is not Extent.PARTIAL for entry in given_back)
    return told >= amount


def _refunded(entries: dict[str, Entry], amount: Decimal | None) -> Decimal | None:
    given_back = _succeeded(entries)
    told = _sum([e for e in given_back if e.extent is not Extent.FULL])
    full = [e for e in given_back if e.extent is Extent.FULL]
    if full:
        whole = [e.amount for e in full if e.amount is not None]
        if amount is not None:
            whole.append(amount)
        return max([told, *whole]) if whole else None
    if given_back and all(entry.amount is None for entry in given_back):
        return None
    return told


def _ledger(observations: Sequence[Observation]) -> dict[str, Entry]:
    notices: dict[str, list[tuple[Observation, Refund]]] = defaultdict(list)
    for observation in observations:
        for refund in observation.refunds:
            notices[refund.ledger_key].append((observation, refund))
    return {key: _entry(told) for key, told in notices.items()}


def _entry(notices: list[tuple[Observation, Refund]]) -> Entry:
    """Read the notices of one refund: the best authority's last final word decides.

    But a poll can be stale, and never takes back a refund that was told.
    """
    final = [notice for notice in notices if notice[1].status in _FINAL]
    succeeded = any(refund.status is FacetStatus.SUCCEEDED for _, refund in final)
    denied = [
        (told, refund)
        for told, refund in final
        if told.authority is Authority.POLL and refund.status is FacetStatus.DECLINED
    ]
    if succeeded and denied:
        final = [notice for notice in final if notice not in denied]
    deciding = max(
        final or notices,
        key=lambda notice: (
            AUTHORITY_RANK[notice[0].authority],
            notice[0].effective_at,
            notice[1].status is FacetStatus.SUCCEEDED,
            notice[0].key,
        ),
    )
    said = [refund for _, refund in notices if refund.status is FacetStatus.SUCCEEDED]
    amounts = {refund.amount for refund in said if refund.amount is not None}
    extents = {refund.extent for refund in said}
    return Entry(
        status=deciding[1].status,
        amount=max(amounts, default=None),
        extent=next((e for e in (Extent.FULL, Extent.PARTIAL) if e in extents), Extent.UNTOLD),
        void=any(refund.void for refund in said),
        answers_dispute=any(refund.answers_dispute for refund in said),
        amounts_differ=len(amounts) > 1,
        settled=any(_settles(observation.authority) for observation, _ in notices),
        asked=all(_settles(observation.authority) for observation, _ in notices),
        contradicted=succeeded and bool(denied),
    )


def _dispute(observations: Sequence[Observation]) -> DisputeStatus | None:
    """Where the dispute stands: by time where all its notices tell one, else by rank.

    A poll can be stale: what it says counts where it goes further (by rank) than all notices do, and
    a dispute that it calls won must not be older than the last of them.
    """
    told = [o for o in observations if o.dispute is not None]
    if not told:
        return None
    last = _last([o for o in told if o.authority is not Authority.POLL])
    polled = [
        o
        for o in told
        if o.authority is Authority.POLL
        and (last is None or o.dispute is not DisputeStatus.WON or not _before(o, last))
    ]
    return max(([] if last is None else [last]) + polled, key=_rank).dispute


def _last(told: Sequence[Observation]) -> Observation | None:
    timed = all(o.occurred_at is not None for o in told)
    return max(
        told, key=lambda o: (o.effective_at if timed else _NO_TIME, _rank(o), o.key), default=None
    )


def _before(one: Observation, other: Observation) -> bool:
    """Whether something happened before; where one tells no time, whether it was heard before."""
    if one.occurred_at is None or other.occurred_at is None:
        return one.received_at < other.received_at
    return one.effective_at < other.effective_at


def _rank(observation: Observation) -> int:
    return _DISPUTE_ORDER[observation.dispute] if observation.dispute is not None else -1


def _succeeded(entries: dict[str, Entry]) -> list[Entry]:
    return [entry for entry in entries.values() if _counts(entry)]


def _counts(entry: Entry) -> bool:
    return entry.status is FacetStatus.SUCCEEDED


def _sum(entries: list[Entry]) -> Decimal:
    return sum((entry.amount for entry in entries if entry.amount is not None), Decimal(0))


def _settles(authority: Authority) -> bool:
    return AUTHORITY_RANK[authority] >= AUTHORITY_RANK[Authority.REPORT]


def _flags(
    observations: Sequence[Observation], entries: dict[str, Entry], amount: Decimal | None
) -> frozenset[Flag]:
    found = set()
    given_back = _succeeded(entries)
    if _to_verify(observations, entries, amount):
        found.add(Flag.VERIFY)
    in_parts = _sum([entry for entry in given_back if entry.extent is not Extent.FULL])
    largest = max((e.amount for e in given_back if e.amount is not None), default=Decimal(0))
    too_much = amount is not None and max(in_parts, largest) > amount
    if too_much or any(entry.amounts_differ for entry in entries.values()):
        found.add(Flag.AMOUNT_MISMATCH)
    if any(entry.contradicted for entry in entries.values()):
        found.add(Flag.CONFLICT)
    return frozenset(found)


def _to_verify(
    observations: Sequence[Observation], entries: dict[str, Entry], amount: Decimal | None
) -> bool:
    """Whether something about the refunds is left to ask.

    A sum that nobody told stays open until somebody tells it, also where a poll repeats the status
    without the sum; it no longer matters once everything went back. What an adapter marked stays
    open until a poll, a report or an operator speaks of the same refund.
    """
    given_back = _succeeded(entries)
    covered = _covers(given_back, amount)
    found = _found_by_asking(entries)
    if amount is None and _sum(given_back) > 0:
        return True
    if not covered and any(
        _sum_untold(entry) for key, entry in entries.items() if _counts(entry) and key not in found
    ):
        return True
    return any(
        Flag.VERIFY in said.flags
        and any(
            not entry.settled and not (covered and _sum_untold(entry))
            for entry in (
                entries[refund.ledger_key]
                for refund in said.refunds
                if refund.ledger_key not in found
            )
        )
        for said in observations
    )


def _found_by_asking(entries: dict[str, Entry]) -> frozenset[str]:
    """Name the refunds without a sum that are those which somebody found with theirs, one for one.

    A notice may tell neither the sum nor the id of a refund (Clip); the query tells both.
    """
    untold = sorted(
        key
        for key, entry in entries.items()
        if _counts(entry) and not entry.settled and entry.extent is Extent.UNTOLD
        if entry.amount is None
    )
    found = [e for e in _succeeded(entries) if e.asked and e.amount is not None]
    return frozenset(untold[: len(found)])


def _sum_untold(entry: Entry) -> bool:
    return entry.amount is None and entry.extent is not Extent.FULL


def _tellers(
    observations: Sequence[Observation],
    entries: dict[str, Entry],
    state: State | None,
    dispute: DisputeStatus | None,
) -> tuple[Observation, ...]:
    """Return the observations that say the facets' state, in order of effective time."""
    if state is None:
        found = []
    elif state in (State.CHARGED_BACK, State.DISPUTED):
        found = [o for o in observations if o.dispute is dispute]
    elif state is State.PAID:
        found = [o for o in observations if _stands_paid(o) or _answers(o, entries)]
    else:
        found = [o for o in observations if _gives_back(o, entries)]
    return tuple(sorted(found, key=lambda o: (o.effective_at, o.key)))


def _gives_back(observation: Observation, entries: dict[str, Entry]) -> bool:
    """Whether it tells a refund that, all notices considered, succeeded."""
    return any(
        refund.status is FacetStatus.SUCCEEDED
        and entries[refund.ledger_key].status is FacetStatus.SUCCEEDED
        for refund in observation.refunds
    )


def _answers(observation: Observation, entries: dict[str, Entry]) -> bool:
    told = any(refund.answers_dispute for refund in observation.refunds)
    return told and _gives_back(observation, entries)


def _verdicts(observations: Sequence[Observation], dispute: DisputeStatus | None) -> list[Verdict]:
    found = []
    standing = [o.effective_at for o in observations if o.dispute is dispute is not None]
    last = max(standing, default=None)
    for observation in observations:
        if observation.refunds:
            found.append(Verdict(observation.key, Outcome.APPLIED, Rule.LEDGER))
        elif observation.dispute is not None:
            overtaken = (
                observation.dispute is not dispute
                and last is not None
                and observation.effective_at > last
            )
            outcome = Outcome.STALE if overtaken else Outcome.APPLIED
            found.append(Verdict(observation.key, outcome, Rule.FACETS))
    return found
