"""What a faultless pipeline leaves of a run, for tests of the oracle."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from libs.bus.message import Message
from libs.store.audit import AuditedObject, Filed
from libs.store.objects import ObjectKey, StoredObject
from services.inspection.view import object_view
from services.simulator.books import NOTHING_UNSENT, Books, Entry, Unsent, books_of
from services.simulator.events import EventBook
from services.simulator.judgement import Case
from services.simulator.ledger import Answers, Header
from services.simulator.lives import Ends
from services.simulator.plan import Options, Plan, Role
from services.simulator.providers import SIMULATIONS
from services.simulator.verdict import Verdict
from services.simulator.webhook import Lived

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
OPTIONS = Options(seed=5, count=200, duplicates=0.1, unknown=0.05, malformed=0.1)


class World:
    """What a faultless pipeline would have left of a run, until a test spoils it.

    Where something was lost, who can be asked was asked, and of the others a person is told.
    """

    def __init__(self, folder: Path, options: Options = OPTIONS) -> None:
        self.answers = Answers(Header(options=options, tap="tap", begun=NOON), end="done")
        for webhook in Plan(options).webhooks():
            status = SIMULATIONS[webhook.provider].success if webhook.taken else 400
            lost = {"lost": True} if webhook.lost else {"status": status, "ms": 3.0}
            self.answers.note({"n": webhook.index, **lost})
        self.folder = folder
        self.filed: list[Filed] = []
        self.objects: dict[ObjectKey, AuditedObject] = {}
        self.events: list[dict[str, Any]] = []
        self.overdue: set[ObjectKey] = set()
        self.enter: Callable[[Books], None] = lambda _: None
        books = books_of(self.answers)
        for digest, entry in books.bodies.items():
            self.filed += [filed_of(digest, entry, copy) for copy in range(entry.accepted)]
        for number, (key, lived) in enumerate(books.lives.items()):
            unsent = books.unsent.get(lived.number, NOTHING_UNSENT)
            if len(unsent.steps) == len(lived.path.steps):
                continue
            told, ends, polled = lived.told - unsent.told, lived.ends, 0
            if unsent.steps and lived.known is not None:
                ends, polled = _asked(lived, unsent), 1
            elif unsent.steps:
                ends = replace(ends, state="created")
                self.overdue.add(key)
            self.put(number, key, ends, told, polled=polled)

    def put(self, number: int, key: ObjectKey, ends: Ends, told: int, *, polled: int = 0) -> None:
        """Put an object there, with an event for each thing said."""
        row = row_of(number, key, told + polled, ends)
        self.objects[key] = AuditedObject(row, told + polled, 0, polled)
        self.events += [event_of(row, sequence) for sequence in range(1, told + polled + 1)]

    def books(self) -> Books:
        books = books_of(self.answers)
        self.enter(books)
        return books

    def verdict(self) -> Verdict:
        books = self.books()
        events = EventBook(self.folder / "events", books.lives)
        events.put_away([_message(event) for event in self.events])
        case = Case(self.answers, books, events, self.overdue)
        for filed in self.filed:
            case.file(filed)
        case.judge_bodies()
        case.judge_objects(list(books.lives), self.objects.values())
        return case.close()

    def place(self, wanted: Callable[[Entry], bool]) -> int:
        """Find something filed whose entry is like that."""
        bodies = self.books().bodies
        return next(n for n, each in enumerate(self.filed) if wanted(bodies[each.digest]))

    def longest(self) -> ObjectKey:
        """Name the object with the most events."""
        return max(self.objects, key=lambda key: self.objects[key].row.sequence)

    def of(self, key: ObjectKey) -> list[dict[str, Any]]:
        return [e for e in self.events if e["data"]["provider_ref"] == key.provider_ref]


def _asked(lived: Lived, unsent: Unsent) -> Ends:
    assert lived.known is not None
    lost = {lived.path.steps[place] for place in unsent.steps}
    unseen = [ends for step, ends in lived.known.unseen.items() if step in lost]
    return unseen[0] if unseen else lived.known.asked


def filed_of(digest: bytes, entry: Entry, copy: int) -> Filed:
    news = entry.role is Role.NEWS
    outcome = "observed" if news and not entry.silent else "poked" if news else "parked"
    return Filed(
        id=f"{entry.index}-{copy}", source=entry.source, origin="webhook", digest=digest,
        outcome=outcome, parked=_reasons(entry.role),
        observations=int(outcome == "observed" and copy == 0),
    )  # fmt: skip


def _reasons(role: Role) -> tuple[str, ...]:
    reasons = {Role.UNKNOWN: ("unknown_value",), Role.MALFORMED: ("malformed",)}
    return reasons.get(role, ())


def row_of(number: int, key: ObjectKey, told: int, ends: Ends) -> StoredObject:
    unsaid: dict[str, Any] = dict.fromkeys(
        ("merchant_ref", "previous_state", "fees", "net", "method", "failure_reason",
         "expires_at", "settlement_step", "decided_by")
    )  # fmt: skip
    said: dict[str, Any] = {
        "id": number, "source": key.source, "kind": key.kind, "provider_ref": key.provider_ref,
        "provider": key.source, "state": ends.state, "amount": ends.amount,
        "currency": ends.currency, "refunded_amount": ends.refunded, "sequence": told,
        "attempts": 0, "flags": (), "livemode": True, "occurred_at": NOON, "received_at": NOON,
        "provider_status": f"step {told}", "authority": "secret", "delivery_id": "d",
    }  # fmt: skip
    return StoredObject(**unsaid, **said)


def event_of(row: StoredObject, sequence: int) -> dict[str, Any]:
    data = object_view(row) | {"provider_status": f"step {sequence}"}
    return {"id": f"{row.provider_ref}#{sequence}", "sequence": sequence, "data": data}


def _message(event: dict[str, Any]) -> Message:
    body = json.dumps(event).encode()
    return Message(body, {}, "application/json", "key", redelivered=False, message_id="m")
