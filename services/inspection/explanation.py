"""Why an object is in its state: every observation with its verdict and the rule that decided.

Computed anew from the stored observations by the same fold that the reconciler uses. It depends
on the set of observations alone, so the order of arrival changes nothing in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.contracts.event import timestamp
from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Kind
from libs.domain.observation import FacetStatus, Observation, Refund
from libs.domain.verdict import Outcome, Rule
from libs.personal.masks import without_personal
from libs.store.database import Pool
from libs.store.inspect import Repeated, find_objects, told_about, told_again
from libs.store.objects import StoredObject
from libs.store.retention import Gone, gone_from_archive
from services.inspection.view import PATH, object_view


@dataclass(frozen=True, slots=True)
class Explanation:
    """One object, what it folds to, and everything that was said about it."""

    row: StoredObject
    folded: Folded
    observations: tuple[Observation, ...]
    repeats: tuple[Repeated, ...]
    gone: tuple[Gone, ...] = ()
    """Deliveries that say something of it and are no longer on file."""

    def as_json(self) -> dict[str, Any]:
        """Return the object, who decided, and the observations in order of effective time."""
        seen = {name: v for name, v in object_view(self.row).items() if name not in PATH}
        return {
            "object": seen,
            "decided_by": self.folded.decided_by,
            "aliases": list(self.folded.aliases),
            "bodies_gone": self.bodies_gone(),
            "observations": self.lines(),
        }

    def bodies_gone(self) -> dict[str, Any] | None:
        """Return of how many deliveries the raw body is gone, up to which receipt, and since when."""
        if not self.gone:
            return None
        told = {each.delivery_id for each in self.observations}
        told |= {each.delivery_id for each in self.repeats}
        return {
            "deliveries": len(self.gone),
            "of": len(told),
            "received_until": timestamp(max(each.received_at for each in self.gone)),
            "since": timestamp(max(each.dropped_at for each in self.gone)),
        }

    def lines(self) -> list[dict[str, Any]]:
        """Return one line for each observation and one for each of its repeats."""
        by_key = {said.key: said for said in self.observations}
        lines: list[dict[str, Any]] = []
        for verdict in self.folded.verdicts:
            said = by_key[verdict.key]
            lines.append(_line(said, verdict.outcome, verdict.rule.label))
            lines.extend(
                _line(said, Outcome.DUPLICATE, Rule.REPEATED.label, again)
                for again in self.repeats
                if again.key == verdict.key
            )
        return lines


async def explain(
    pool: Pool, ref: str, *, source: str | None = None, kind: str | None = None
) -> list[Explanation]:
    """Explain every object that is called `ref`."""
    found = []
    for row in await find_objects(pool, ref, source=source, kind=kind):
        observations = await told_about(pool, row.id)
        if observations:
            folded = fold(Kind(row.kind), observations)
            repeats = await told_again(pool, row.id)
            named = [(each.delivery_id, each.received_at) for each in observations]
            named += [(each.delivery_id, each.received_at) for each in repeats]
            gone = await gone_from_archive(pool, named)
            found.append(Explanation(row, folded, tuple(observations), tuple(repeats), tuple(gone)))
    return found


def says(said: Observation) -> str:
    """Put into a few words what an observation says: `paid`, `refund succeeded 0.97`."""
    parts: list[str] = []
    if said.state is not None:
        parts.append(said.state.value)
    parts.extend(_refund(refund) for refund in said.refunds)
    if said.dispute is not None:
        parts.append(f"dispute {said.dispute.value}")
    if said.cancel is not None:
        parts.append(f"cancel {said.cancel.value}")
    if said.attempt:
        parts.append("attempt declined")
    if said.settlement_step is not None:
        parts.append(f"settlement step {said.settlement_step}")
    if said.supersedes:
        parts.append(f"corrects {len(said.supersedes)}")
    return ", ".join(parts) or "nothing of its own"


def _refund(refund: Refund) -> str:
    what = "void" if refund.void else "refund"
    much = f" {refund.amount}" if refund.amount is not None else ""
    extent = f" ({refund.extent.value})" if refund.status is FacetStatus.SUCCEEDED else ""
    return f"{what} {refund.status.value}{much}{extent}"


def _line(
    said: Observation, outcome: Outcome, rule: str, again: Repeated | None = None
) -> dict[str, Any]:
    return {
        "key": said.key,
        "says": says(said),
        "provider_status": said.provider_status,
        "verdict": outcome.value,
        "rule": rule,
        "authority": said.authority.value,
        "effective_at": timestamp(said.effective_at),
        "occurred_at": timestamp(said.occurred_at) if said.occurred_at else None,
        "received_at": timestamp(again.received_at if again else said.received_at),
        "delivery_id": again.delivery_id if again else said.delivery_id,
        "amount": str(said.amount.amount) if said.amount else None,
        "currency": said.amount.currency if said.amount else said.currency,
        "flags": sorted(said.flags),
        "facts": {name: without_personal(text) for name, text in said.facts.items()},
    }
