"""Words for small histories: `payment(paid(at=3), declined(at=5, by=TIMER))`.

`at` counts minutes from noon of one day and is both clocks unless `untimed`, which leaves the
provider's clock out. An observation names itself by what it says, when and by whom, so that two
calls with the same arguments are the same observation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Authority, Flag, Kind, State
from libs.domain.money import Money
from libs.domain.observation import (
    CancelStatus,
    DisputeStatus,
    Extent,
    FacetStatus,
    Observation,
    Refund,
)
from libs.domain.verdict import Outcome

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

OPERATOR, POLL, REPORT = Authority.OPERATOR, Authority.POLL, Authority.REPORT
SIGNED, SECRET, UNSIGNED = Authority.SIGNED, Authority.SECRET, Authority.UNSIGNED
TIMER = Authority.TIMER


def minute(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def flags(*expected: Flag) -> frozenset[Flag]:
    return frozenset(expected)


def brl(amount: str) -> Money:
    return Money.of(amount, "BRL")


def say(
    state: State | None = None,
    *,
    at: float = 0,
    by: Authority = SECRET,
    word: str | None = None,
    untimed: bool = False,
    **more: Any,  # noqa: ANN401 - any further field of an observation
) -> Observation:
    """One observation; `word` is the provider's, and part of the key."""
    status = word or state or "news"
    fields: dict[str, Any] = {
        "kind": Kind.PAYMENT,
        "provider_ref": "ref-1",
        "key": f"{status}@{at}/{by}",
        "provider_status": str(status),
        "state": state,
        "authority": by,
        "occurred_at": None if untimed else minute(at),
        "received_at": minute(at),
        "delivery_id": f"delivery-{status}-{at}-{by}",
    }
    return Observation(**(fields | more))


def created(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.CREATED, **how)


def pending(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.PENDING, **how)


def authorized(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.AUTHORIZED, **how)


def paid(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.PAID, **how)


def declined(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.DECLINED, **how)


def canceled(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.CANCELED, **how)


def expired(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.EXPIRED, **how)


def rejected(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.REJECTED, **how)


def entry(
    amount: str | None = None,
    *,
    ledger: str = "r1",
    status: FacetStatus = FacetStatus.SUCCEEDED,
    extent: Extent = Extent.UNTOLD,
    void: bool = False,
    answers_dispute: bool = False,
) -> Refund:
    """One line of the refund ledger."""
    return Refund(
        status=status,
        ledger_key=ledger,
        amount=None if amount is None else Decimal(amount),
        extent=extent,
        void=void,
        answers_dispute=answers_dispute,
    )


def refund(*entries: Refund, **how: Any) -> Observation:  # noqa: ANN401 - see `say`
    """Tell of refunds; the word names the entries, so two of one minute differ."""
    named = "+".join(f"{e.ledger_key}-{e.status}-{e.amount}" for e in entries)
    return say(**({"word": f"refund:{named}"} | how), refunds=entries)


def full(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    """Tell that all of it went back, without a sum."""
    return refund(entry(extent=Extent.FULL, ledger="full"), **how)


def refund_declined(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return refund(entry(status=FacetStatus.DECLINED), **how)


def dispute(status: DisputeStatus, **how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(**({"word": f"dispute:{status}"} | how), dispute=status)


def opened(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return dispute(DisputeStatus.OPEN, **how)


def lost(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return dispute(DisputeStatus.LOST, **how)


def won(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return dispute(DisputeStatus.WON, **how)


def cancel_requested(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.CANCEL_REQUESTED, cancel=CancelStatus.REQUESTED, **how)


def cancel_failed(**how: Any) -> Observation:  # noqa: ANN401 - see `say`
    return say(State.PROCESSING, word="cancel_failed", cancel=CancelStatus.FAILED, **how)


def correction(*wrong: Observation, **how: Any) -> Observation:  # noqa: ANN401 - see `say`
    """Supersede what was wrong; by an operator unless told otherwise."""
    return say(**({"word": "correction", "by": OPERATOR, "supersedes": keys(wrong)} | how))


def keys(said: Iterable[Observation]) -> tuple[str, ...]:
    return tuple(observation.key for observation in said)


def payment(*said: Observation) -> Folded:
    return fold(Kind.PAYMENT, said)


def payout(*said: Observation) -> Folded:
    return fold(Kind.PAYOUT, [replace(o, kind=Kind.PAYOUT) for o in said])


def outcome(folded: Folded, said: Observation) -> Outcome:
    """Return what became of one observation."""
    [found] = [v.outcome for v in folded.verdicts if v.key == said.key]
    return found
