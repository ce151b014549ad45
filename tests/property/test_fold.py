"""The promise of the fold, over generated histories.

Take any history, deliver every report twice in any permutation, and the object ends in the same
state, with the same amounts. At least 10,000 generated histories with
`CAUDAL_TEST_PROFILE=ci`, and what else is true of every history.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Authority, Band, Flag, Kind, State, band_of, moves, states_of
from libs.domain.observation import Observation
from libs.domain.verdict import Outcome
from tests.property.histories import (
    MANY,
    NOON,
    SOME,
    History,
    examples,
    histories,
    one_more,
    redelivered,
    shuffled,
)

KINDS = st.sampled_from(Kind)
SEEDS = st.integers(0, 2**16)
STORIES = KINDS.flatmap(lambda kind: histories(kind).map(lambda said: (kind, said)))
PAYMENTS = histories(Kind.PAYMENT)
WEAK = (Authority.UNSIGNED, Authority.TIMER)
BANDS_OF = {kind: {state: band_of(kind, state) for state in states_of(kind)} for kind in Kind}
MOVES = {kind: frozenset(moves(kind)) for kind in Kind}
DECISIVE = Observation(
    kind=Kind.PAYMENT, provider_ref="ref", key="decisive", provider_status="paid", state=State.PAID,
    authority=Authority.SECRET, occurred_at=NOON, received_at=NOON, delivery_id="d-decisive",
)  # fmt: skip


def band(kind: Kind, folded: Folded) -> int:
    return -1 if folded.state is None else BANDS_OF[kind][folded.state]


@examples(MANY)
@given(STORIES, SEEDS)
def test_any_order_twice_ends_alike(story: tuple[Kind, History], seed: int) -> None:
    """The whole `Folded` is the same: state, amounts, flags, facts, verdicts."""
    kind, said = story
    expected = fold(kind, said)
    assert fold(kind, reversed(said)) == expected
    assert fold(kind, shuffled(said, seed)) == expected
    assert fold(kind, redelivered(said, seed)) == expected
    assert fold(kind, redelivered(said, seed + 1)) == expected


@examples(SOME)
@given(STORIES, SEEDS)
def test_stranger_who_is_faster_takes_nothing_away(story: tuple[Kind, History], seed: int) -> None:
    """A copy that proves nothing, of what somebody proves, might as well not have come."""
    kind, said = story
    copies = [
        replace(
            each,
            authority=Authority.UNSIGNED,
            received_at=each.received_at - timedelta(minutes=1),
            delivery_id=f"a-{each.delivery_id}",
        )
        for each in said
        if each.authority is not Authority.UNSIGNED
    ]
    assert fold(kind, shuffled([*said, *copies], seed)) == fold(kind, said)


@examples(SOME)
@given(STORIES, STORIES, SEEDS)
def test_interleaved_objects_end_alone(
    one: tuple[Kind, History], other: tuple[Kind, History], seed: int
) -> None:
    """Two objects, delivered through one door in any order and twice: each ends as if alone."""
    kinds = {"one": one[0], "other": other[0]}
    mixed = [replace(o, provider_ref="one") for o in one[1]]
    mixed += [replace(o, provider_ref="other") for o in other[1]]
    filed: defaultdict[str, list[Observation]] = defaultdict(list)
    folded: dict[str, Folded] = {}
    for said in redelivered(mixed, seed):
        ref = said.provider_ref or ""
        filed[ref].append(said)
        folded[ref] = fold(kinds[ref], filed[ref])
    assert folded == {"one": fold(*one), "other": fold(*other)}


@examples(3 * SOME)
@given(STORIES, st.binary(min_size=6, max_size=6))
def test_one_more_word_moves_as_published(story: tuple[Kind, History], raw: bytes) -> None:
    """Without a correction, one more observation causes a published move or none.

    So the band never falls, but for a payment from 60 to `paid` (a dispute won, a refund
    declined); and a state is never lost.
    """
    kind, said = story
    before, after = fold(kind, said), fold(kind, (*said, one_more(kind, raw)))
    if before.state is not None and after.state is not before.state:
        assert (before.state, after.state) in MOVES[kind]
    floor = min(band(kind, before), Band.POSITIVE) if kind is Kind.PAYMENT else band(kind, before)
    assert band(kind, after) >= floor


@examples(SOME)
@given(PAYMENTS, st.binary(min_size=6, max_size=6))
def test_paid_is_never_undone(said: History, raw: bytes) -> None:
    """Whatever open or negative word follows a payment's `paid`, state and sums stay."""
    more = one_more(Kind.PAYMENT, raw)
    before = fold(Kind.PAYMENT, (*said, DECISIVE))
    assert band(Kind.PAYMENT, before) >= Band.POSITIVE
    if more.state is None or BANDS_OF[Kind.PAYMENT][more.state] >= Band.POSITIVE:
        more = replace(more, state=State.DECLINED, refunds=(), dispute=None)
    after = fold(Kind.PAYMENT, (*said, DECISIVE, replace(more, amount=None)))
    assert (after.state, after.refunded_amount) == (before.state, before.refunded_amount)


@examples(SOME)
@given(STORIES)
def test_refunds_stay_within_amount(story: tuple[Kind, History]) -> None:
    """Refunded sums are never negative, and beyond the amount only with the flag."""
    folded = fold(*story)
    refunded, amount = folded.refunded_amount, folded.amount
    assert refunded is None or refunded >= 0
    if refunded is not None and amount is not None and refunded > amount:
        assert Flag.AMOUNT_MISMATCH in folded.flags
    outright = any(o.state in (State.REFUNDED, State.VOIDED) for o in story[1])
    if folded.state in (State.REFUNDED, State.VOIDED) and not outright and amount is not None:
        assert refunded is not None
        assert refunded >= amount


@examples(SOME)
@given(STORIES)
def test_every_word_has_one_verdict(story: tuple[Kind, History]) -> None:
    """One verdict for each key; the state is one of the kind's; the flags are the closed set."""
    kind, said = story
    folded = fold(kind, said)
    assert sorted(v.key for v in folded.verdicts) == sorted({o.key for o in said})
    assert {v.outcome for v in folded.verdicts} <= set(Outcome) - {Outcome.DUPLICATE}
    assert folded.state is None or folded.state in states_of(kind)
    assert folded.flags <= set(Flag)
    assert folded.livemode == (Flag.TEST not in folded.flags)
    decider = next(v for v in folded.verdicts if v.key == folded.decided_by)
    assert decider.outcome in (Outcome.APPLIED, Outcome.STALE)


@examples(SOME)
@given(STORIES)
def test_superseded_leaves_without_trace(story: tuple[Kind, History]) -> None:
    """Rule 7: without what was superseded the fold is the same, but for the verdicts."""
    kind, said = story
    folded = fold(kind, said)
    gone = {v.key for v in folded.verdicts if v.outcome is Outcome.SUPERSEDED}
    rest = fold(kind, [o for o in said if o.key not in gone])
    assert replace(rest, verdicts=()) == replace(folded, verdicts=())


@examples(SOME)
@given(STORIES)
def test_highest_told_band_wins(story: tuple[Kind, History]) -> None:
    """Rule 1: no standing state lies in a higher band than the object's."""
    kind, said = story
    folded = fold(kind, said)
    gone = {v.key for v in folded.verdicts if v.outcome is Outcome.SUPERSEDED}
    told = [BANDS_OF[kind][o.state] for o in said if o.state and o.key not in gone]
    assert band(kind, folded) >= max(told, default=-1)


@examples(SOME)
@given(STORIES, st.sampled_from(Authority))
def test_one_voice_is_corroborated_by_rank(story: tuple[Kind, History], by: Authority) -> None:
    """Rule 11: told by one authority alone, money is flagged exactly if that one is unsigned."""
    kind, said = story
    folded = fold(kind, [replace(o, authority=by) for o in said])
    is_money = band(kind, folded) >= Band.POSITIVE
    assert (Flag.UNCORROBORATED in folded.flags) == (is_money and by in WEAK)


@examples(SOME)
@given(STORIES)
def test_timers_raise_no_conflict(story: tuple[Kind, History]) -> None:
    """Refusals of timers alone never contradict anything."""
    kind, said = story
    quiet = [
        replace(o, authority=Authority.TIMER)
        if o.state and BANDS_OF[kind][o.state] == Band.NEGATIVE
        else o
        for o in said
    ]
    folded = fold(kind, quiet)
    assert Flag.CONFLICT not in folded.flags
