"""Comparing one object with how it must end, given what was told of it and what can be asked.

Without losses an object ends as its webhooks say, or, once its provider was asked, with what only a
query tells. Where something was lost, an object that can be asked for must end in the provider's
truth all the same; one that cannot must do so too, or be on the list of the overdue, for a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from libs.store.audit import AuditedObject
from libs.store.objects import ObjectKey
from services.simulator.books import Unsent
from services.simulator.events import Seen, view_of
from services.simulator.lives import Ends, Known
from services.simulator.verdict import Verdict
from services.simulator.webhook import Lived

# An answer may say two things, of the payment and of a refund; the same answer again says nothing.
_OF_ONE_ANSWER: Final = 2
# A report knows three words, an operator asks for a payout and for its cancel.
_OF_REPORTS: Final = 5
# What a report can only call "in progress".
_IN_PROGRESS: Final = frozenset({"created", "in_review", "processing", "cancel_requested"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One object to judge; `lived` is None where what it was told is not known for certain."""

    key: ObjectKey
    lived: Lived | None
    found: AuditedObject | None
    told: dict[int, Seen]
    unsent: Unsent
    overdue: bool = False

    @property
    def name(self) -> str:
        """What it is called in a verdict."""
        return f"{self.key.source} {self.key.kind} {self.key.provider_ref}"


def judge_object(verdict: Verdict, judged: Judged) -> list[str]:
    """Judge one object; return what is to be counted of it though it is no difference."""
    if judged.found is None:
        return _judge_absent(verdict, judged)
    _judge_events(verdict, judged.name, judged.found, judged.told)
    beside = ["polled"] if judged.found.polled else []
    if judged.lived is not None:
        _judge_number(verdict, judged, judged.lived, judged.found)
        beside += _judge_ends(verdict, judged, judged.lived, judged.found)
    return beside


def _judge_absent(verdict: Verdict, judged: Judged) -> list[str]:
    for sequence in sorted(judged.told):
        what = f"{judged.name} #{sequence}, of an object that is not there"
        verdict.differs("extra_events", what)
    if judged.lived is None:
        return []
    if len(judged.unsent.steps) == len(judged.lived.path.steps):
        return ["unheard"]
    verdict.differs("lost_objects", judged.name)
    return []


def _judge_events(verdict: Verdict, name: str, found: AuditedObject, told: dict[int, Seen]) -> None:
    last = found.row.sequence
    missing = [sequence for sequence in range(1, last + 1) if sequence not in told]
    if missing:
        verdict.differs("lost_events", f"{name} #{missing[0]}", len(missing))
    beyond = [sequence for sequence in told if sequence > last]
    if beyond:
        verdict.differs("extra_events", f"{name} #{beyond[0]}, beyond its row", len(beyond))
    # A repeat is news too where it was received before what it repeats: the order is another then.
    said = found.observations + found.repeats
    if last > said:
        verdict.differs("extra_events", f"{name}: {last} of {said}", last - said)
    for sequence in range(2, last + 1):
        before, after = told.get(sequence - 1), told.get(sequence)
        if before and after and before.change == after.change:
            verdict.differs("empty_events", f"{name} #{sequence}")
    if last in told and told[last].view != view_of(found.row):
        verdict.differs("last_events_differ", f"{name} #{last}")


def _judge_number(verdict: Verdict, judged: Judged, lived: Lived, found: AuditedObject) -> None:
    """Judge how much stands of what was told, asked and reported: never more than there was."""
    answers = _OF_ONE_ANSWER * len(lived.path.steps) if lived.known is not None else 0
    for what, stands, most in (
        ("told", found.from_webhooks, lived.told - judged.unsent.told),
        ("asked", found.polled, answers),
        ("reported", found.reported, _OF_REPORTS),
    ):
        if stands > most:
            verdict.differs(
                "extra_observations", f"{judged.name}: {stands} of {most} {what}", stands - most
            )


def _judge_ends(verdict: Verdict, judged: Judged, lived: Lived, found: AuditedObject) -> list[str]:
    if lived.known is not None:
        allowed = _when_asked(lived.ends, lived.known, judged, found)
    else:
        allowed = _when_reported(lived.ends, found)
    if any(_stands_as(ends, found) for ends in allowed):
        return []
    if lived.known is None and judged.unsent.steps and not _gave_back_more(allowed[0], found):
        if judged.overdue:
            return ["overdue"]
        row, ends = found.row, allowed[0]
        what = f"{judged.name} is {row.state} of {row.amount}, not {ends.state} of {ends.amount}"
        verdict.differs("not_overdue", what)
        return []
    _differs(verdict, judged.name, allowed[0], found)
    return []


def _when_asked(ends: Ends, known: Known, judged: Judged, found: AuditedObject) -> list[Ends]:
    """Return how it may end, what it must be before all others first."""
    lost = [known.path.steps[place] for place in sorted(judged.unsent.steps)]
    unseen = [known.unseen[step] for step in lost if step in known.unseen]
    asked = unseen[0] if unseen else known.asked
    if found.polled:
        return [asked, *_vaguely(known, judged.unsent, asked)]
    if not judged.unsent.steps:
        return [ends]
    unasked = [replace(each, amount=ends.amount, currency=ends.currency) for each in unseen]
    return [asked, ends, *unasked]


def _vaguely(known: Known, unsent: Unsent, asked: Ends) -> list[Ends]:
    """Return how it may end where nobody was told of its sum but by what leaves open whose it is.

    If one asked in time, the answer did say it; that is not known here.
    """
    heard = [step for place, step in enumerate(known.path.steps) if place not in unsent.steps]
    if not known.vague & set(known.path.steps) or set(heard) - known.vague:
        return []
    untold = replace(asked, amount=None)
    return [untold, replace(untold, refunded=None)]


def _when_reported(ends: Ends, found: AuditedObject) -> list[Ends]:
    if found.reported and ends.state in _IN_PROGRESS:
        return [ends, replace(ends, state="processing")]
    return [ends]


def _stands_as(ends: Ends, found: AuditedObject) -> bool:
    row = found.row
    return (row.state, row.amount, row.currency, row.refunded_amount) == (
        ends.state, ends.amount, ends.currency, ends.refunded,
    )  # fmt: skip


def _gave_back_more(ends: Ends, found: AuditedObject) -> bool:
    return (found.row.refunded_amount or 0) > (ends.refunded or 0)


def _differs(verdict: Verdict, name: str, ends: Ends, found: AuditedObject) -> None:
    row = found.row
    if row.state != ends.state:
        verdict.differs("wrong_states", f"{name} is {row.state}, not {ends.state}")
    if (row.amount, row.currency) != (ends.amount, ends.currency):
        what = f"{name} is of {row.amount} {row.currency}, not {ends.amount} {ends.currency}"
        verdict.differs("wrong_amounts", what)
    if row.refunded_amount != ends.refunded:
        what = f"{name} gave back {row.refunded_amount}, not {ends.refunded}"
        more = _gave_back_more(ends, found)
        verdict.differs("refunded_twice" if more else "wrong_amounts", what)
