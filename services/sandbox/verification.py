"""Comparing a run of the sandbox with what Caudal made of it: the ledger's truth and the journal's."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from libs.store.objects import ObjectKey
from services.sandbox.payu.journal import Posted, Told, journal_file, read_journal
from services.sandbox.payu.payout import STATES
from services.simulator.books import Books, Entry, Unsent, settles
from services.simulator.lives import Ends
from services.simulator.lives import Path as Steps
from services.simulator.oracle import Beside, House, Overdue, nothing_overdue, verify
from services.simulator.providers import SIMULATIONS
from services.simulator.roles import Role
from services.simulator.verdict import Verdict
from services.simulator.webhook import Lived

RESTS_WITHIN: Final = 15.0  # seconds; polls come and go meanwhile
_OPEN: Final = frozenset({"created", "in_review", "processing", "cancel_requested"})
_SUCCESS: Final = SIMULATIONS["payu"].success


async def verify_run(
    ledger: Path, house: House, *, wait: float = 60.0, overdue: Overdue = nothing_overdue
) -> Verdict:
    """Judge a run. `overdue` names the objects of which a person is told to ask.

    Raises as `services.simulator.verify`.
    """
    told = read_journal(journal_file(ledger))
    enter = partial(enter_payouts, told)
    beside = Beside(enter=enter, overdue=overdue, rests_within=RESTS_WITHIN)
    return await verify(ledger, house, wait=wait, beside=beside)


def enter_payouts(told: dict[int, Told], books: Books) -> None:
    """Enter the payouts that were requested over the API, and what was posted of them.

    A step of which nobody was told, since it was lost, since no WebHook wants it or since its
    receiver is another than Caudal, is unsent. A payout that nobody took into the books is one
    that nobody knows of.
    """
    for payout in told.values():
        state = _shows(payout)
        ends = Ends("payout", payout.ref, state, payout.value, "COP", payout.value * 0)
        lived = Lived(
            payout.number, payout.source, ends, len(payout.steps),
            Steps(steps=tuple(payout.steps), state=state),
        )  # fmt: skip
        books.lives[ObjectKey(payout.source, ends.kind, ends.ref)] = lived
        heard = set(_heard(payout))
        missed = set(range(len(payout.steps))) - heard
        if missed:
            books.unsent[payout.number] = Unsent(missed, len(missed))
        for digest, body in payout.bodies.items():
            if body.source == payout.source:
                books.bodies[bytes.fromhex(digest)] = _entry(books, lived, body)


def _heard(payout: Told) -> list[int]:
    """Return the places of the steps that were told to Caudal, in the order in which they were."""
    posted = (body for body in payout.bodies.values() if body.source == payout.source)
    return [body.place for body in posted if body.place is not None]


def _shows(payout: Told) -> str:
    """Return the state that shows once all was told.

    Among open states the order of arrival decides, since PayU tells no time: a payout that stays
    open, as the sandbox ended, shows what came last, though something overtook it.
    """
    if not payout.steps:
        return "created"
    state, heard = STATES[payout.steps[-1]], _heard(payout)
    if state in _OPEN and len(payout.steps) - 1 in heard:
        return STATES[payout.steps[heard[-1]]]
    return state


def _entry(books: Books, lived: Lived, body: Posted) -> Entry:
    """Enter a body; what tells of no step must be parked, and leave the payout as it is."""
    books.planned += 1
    if not settles(body.final):
        books.unsettled += 1
    elif body.final != _SUCCESS:
        what = (
            f"notification {body.place}" if body.role is Role.NEWS else f"{body.role} notification"
        )
        books.wrong_answers.append(f"{what} of payout {lived.number} was answered {body.final}")
    return Entry(
        lived.number, body.source, body.role, taken=True, silent=False,
        lived=None if body.place is None else lived,
        settled=body.accepted > 0, accepted=body.accepted, possible=body.posted,
    )  # fmt: skip
