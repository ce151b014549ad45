"""What became of each observation, and that no order of arrival changes it."""

from __future__ import annotations

from itertools import permutations

from libs.domain.lifecycle import State
from libs.domain.observation import Observation
from libs.domain.verdict import Outcome, Rule
from tests.unit.domain.saying import (
    POLL,
    TIMER,
    UNSIGNED,
    canceled,
    correction,
    declined,
    entry,
    expired,
    lost,
    opened,
    outcome,
    paid,
    payment,
    payout,
    pending,
    refund,
    rejected,
    say,
    won,
)

STALE, APPLIED, CONFLICT = Outcome.STALE, Outcome.APPLIED, Outcome.CONFLICT


def told(*said: Observation) -> list[Outcome]:
    """Outcomes in the order of the arguments, the same in every order of arrival."""
    everywhere = {tuple(outcome(payment(*order), o) for o in said) for order in permutations(said)}
    [found] = everywhere
    return list(found)


def test_each_step_upward_applies() -> None:
    assert told(pending(at=1), declined(at=2), paid(at=3)) == [APPLIED] * 3


def test_lower_band_after_higher_is_stale() -> None:
    """Rule 1: news of the past, or of less."""
    assert told(paid(at=1), pending(at=2)) == [APPLIED, STALE]
    assert told(declined(at=1), pending(at=2)) == [APPLIED, STALE]


def test_out_of_order_arrival_still_applies() -> None:
    """An older notice that arrives late is told in its place, so the order shows nothing."""
    assert told(paid(at=3), pending(at=1)) == [APPLIED, APPLIED]


def test_refusal_after_paid_by_authority() -> None:
    """Rule 4: a conflict from `secret`, stale from a timer or an unsigned notice."""
    said = [paid(at=1), declined(at=2), canceled(at=3, by=UNSIGNED), expired(at=4, by=TIMER)]
    assert told(*said) == [APPLIED, CONFLICT, STALE, STALE]


def test_second_refusal_contradicts() -> None:
    """Rule 3: the weaker of two different answers; an agreeing one applies; a timer is stale."""
    said = [declined(at=1), canceled(at=2), declined(at=3), expired(at=4, by=TIMER)]
    assert told(*said) == [APPLIED, CONFLICT, APPLIED, STALE]


def test_better_refusal_applies() -> None:
    """Rule 3: the best authority decides, told in order of time."""
    assert told(declined(at=1), canceled(at=2, by=POLL)) == [APPLIED, APPLIED]


def test_facets_apply() -> None:
    """Rules 5 and 6."""
    assert told(paid(at=1), refund(entry("5"), at=2), opened(at=3), won(at=4)) == [APPLIED] * 4


def test_overtaken_dispute_notice_is_stale() -> None:
    """Rule 5: untimed, an `open` that is received after the end has no effect."""
    said = [lost(at=2, untimed=True), opened(at=3, untimed=True)]
    assert told(paid(at=1), *said) == [APPLIED, APPLIED, STALE]


def test_dispute_answered_by_refund_applies() -> None:
    """Rule 5: the dispute was real, whenever its notice came."""
    answer = refund(entry("5", answers_dispute=True), at=2)
    assert told(paid(at=1), answer, opened(at=3)) == [APPLIED] * 3


def test_superseded_is_said() -> None:
    """Rule 7."""
    wrong = paid(at=2)
    said = [pending(at=1), wrong, correction(wrong, at=3)]
    assert told(*said) == [APPLIED, Outcome.SUPERSEDED, APPLIED]


def test_rules_are_named() -> None:
    """An operator reads the number and the sentence of the rule that decided."""
    said = [pending(at=1), declined(at=2), paid(at=3), declined(at=4), opened(at=5)]
    said += [refund(entry("5"), at=6), say(word="attempt", at=7, attempt=True)]
    numbers = [verdict.rule.number for verdict in payment(*said).verdicts]
    assert numbers == [1, 1, 1, 4, 5, 6, 9]
    assert Rule.LEDGER.label.startswith("rule 6: ")
    assert Rule.NOTED.label == "recorded; it says no state"


def test_return_of_payout_applies() -> None:
    """Rule 4: the refusal is what tells that the money came back."""
    back, again = rejected(at=2), say(State.FAILED, at=3)
    folded = payout(paid(at=1), back, again)
    assert [outcome(folded, o) for o in (back, again)] == [APPLIED, APPLIED]


def test_repeated_observation_has_one_verdict() -> None:
    """A duplicate adds nothing, not even a line."""
    said = paid(at=1)
    assert len(payment(said, said, said).verdicts) == 1
