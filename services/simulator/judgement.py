"""Comparing the books with the archive, the objects and the events: one look, one verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

from libs.contracts.delivery import Origin
from libs.contracts.readings import ParkReason
from libs.store.audit import AuditedObject, Filed, filed_with_mark, named_objects
from libs.store.database import Pool
from libs.store.objects import ObjectKey
from services.simulator.books import NOTHING_UNSENT, Books, Entry
from services.simulator.events import EventBook
from services.simulator.ledger import NOT_CONNECTED, Answers
from services.simulator.object_judgement import Judged, judge_object
from services.simulator.roles import Role
from services.simulator.verdict import Verdict

# What is counted and no difference: answers, reports and words of operators in the archive; objects
# whose provider was asked, of which nobody was told anything, and which a person is told to look at.
BESIDE: Final = ("polls", "reports", "operators", "polled", "unheard", "overdue")
AT_ONCE: Final = 2000  # objects asked for together
SLACK: Final = timedelta(days=1)  # clocks may have jumped while it ran
_FROM_PROVIDERS: Final = Origin.WEBHOOK
_ASKED_FOR: Final = frozenset({Origin.POLL, Origin.REPORT, Origin.OPERATOR})
# Why what must have no effect may be parked: never because our own code fails on it.
_NOT_OURS: Final = frozenset(ParkReason) - {ParkReason.FAILED}
_REASONS: Final = dict.fromkeys(Role, _NOT_OURS) | {
    Role.UNKNOWN: frozenset({ParkReason.UNKNOWN_VALUE})
}

Item = TypeVar("Item")


async def judge(
    answers: Answers,
    books: Books,
    events: EventBook,
    pool: Pool,
    overdue: Collection[ObjectKey] = (),
) -> Verdict:
    """Look at everything once. `overdue` are the objects of which a person is told to ask."""
    header = answers.header
    case = Case(answers, books, events, overdue)
    async for filed in filed_with_mark(pool, header.options.mark.encode(), header.begun - SLACK):
        case.file(filed)
    case.judge_bodies()
    for keys in _portions(iter(books.lives), AT_ONCE):
        case.judge_objects(keys, await named_objects(pool, keys))
    return case.close()


class Case:
    """One look: first what is filed, then the bodies, then the objects."""

    def __init__(
        self,
        answers: Answers,
        books: Books,
        events: EventBook,
        overdue: Collection[ObjectKey] = (),
    ) -> None:
        self.verdict = Verdict()
        self._overdue = overdue
        self._answers = answers
        self._books = books
        self._events = events
        self._doubtful: set[int] = set()
        self._objects = 0
        self._unjudged = 0  # objects of which it is not certain what they were told
        self._beside: Counter[str] = Counter()  # what is no difference, and worth telling
        books.reset()

    def file(self, filed: Filed) -> None:
        """Enter one delivery of the archive; replays repeat what is entered already."""
        if filed.origin in _ASKED_FOR:
            self._file_answer(filed)
        if filed.origin != _FROM_PROVIDERS:
            return
        entry = self._books.bodies.get(filed.digest)
        if entry is None or entry.source != filed.source:
            self.verdict.differs("never_sent", f"delivery {filed.id} of {filed.source}")
            return
        entry.filed += 1
        entry.parked += bool(filed.parked)
        entry.reasons.update(filed.parked)
        entry.observations += filed.observations
        if filed.outcome is None:
            self.verdict.differs("lost_outcomes", f"delivery {filed.id} of {filed.source}")

    def _file_answer(self, filed: Filed) -> None:
        """Judge what was asked for, reported or said by an operator: it must be understood."""
        name = f"{filed.origin} {filed.id} of {filed.source}"
        if filed.outcome is None:
            self.verdict.differs("lost_outcomes", name)
        if filed.parked:
            self.verdict.differs("wrongly_parked", name, len(filed.parked))
        self._beside[f"{filed.origin}s"] += 1

    def judge_bodies(self) -> None:
        """Judge every body, now that all of the archive is entered."""
        for entry in self._books.bodies.values():
            _judge_body(self.verdict, entry)
            if entry.lost or entry.lived is None:
                continue
            if not (entry.settled and entry.filed):
                self._doubtful.add(entry.lived.number)

    def judge_objects(self, keys: Iterable[ObjectKey], found: Iterable[AuditedObject]) -> None:
        """Judge objects, of which those that exist are `found`."""
        by_key = {_key(each): each for each in found}
        self._objects += len(by_key)
        for key in keys:
            lived, told = self._books.lives[key], self._events.by_object.get(key, {})
            certain = lived if lived.number not in self._doubtful else None
            self._unjudged += certain is None and key in by_key
            judged = Judged(
                key=key, lived=certain, found=by_key.get(key), told=told,
                unsent=self._books.unsent.get(lived.number, NOTHING_UNSENT),
                overdue=key in self._overdue,
            )  # fmt: skip
            self._beside.update(judge_object(self.verdict, judged))

    def close(self) -> Verdict:
        """Add what the ledger and the events say by themselves, and the counts."""
        for kind, found in (
            ("wrong_answers", self._books.wrong_answers),
            ("taken_twice", self._events.taken_twice),
            ("altered_events", self._events.altered),
            ("disordered_events", self._events.disordered),
        ):
            for what in found:
                self.verdict.differs(kind, what)
        if bugs := self._answers.kinds["500"]:
            self.verdict.differs("wrong_answers", f"{bugs} requests were answered 500", bugs)
        _count(self.verdict, self._answers, self._books, self._events)
        self.verdict.counts |= {"objects": self._objects, "unjudged": self._unjudged}
        self.verdict.counts |= {name: self._beside[name] for name in BESIDE}
        return self.verdict


def _judge_body(verdict: Verdict, entry: Entry) -> None:
    name = f"webhook {entry.index} of {entry.source}"
    if entry.filed < entry.accepted:
        missing = entry.accepted - entry.filed
        verdict.differs("lost_deliveries", f"{name}: {entry.filed} of {entry.accepted}", missing)
    if not entry.taken and entry.filed:
        verdict.differs("refused_but_filed", name)
    elif entry.filed > entry.possible:
        verdict.differs("filed_too_often", f"{name}: {entry.filed} of {entry.possible}")
    if entry.role is Role.NEWS and not entry.silent:
        _judge_news(verdict, name, entry)
    else:
        _judge_nothing(verdict, name, entry)


def _judge_news(verdict: Verdict, name: str, entry: Entry) -> None:
    if entry.parked:
        verdict.differs("wrongly_parked", name, entry.parked)
    elif entry.filed and not entry.observations:
        verdict.differs("lost_effects", name)
    if entry.observations > 1:
        verdict.differs("folded_twice", name, entry.observations - 1)


def _judge_nothing(verdict: Verdict, name: str, entry: Entry) -> None:
    """Judge what must have no effect: parked, but for an empty ping."""
    if entry.observations:
        verdict.differs("effect_of_nothing", name)
    if entry.silent and entry.parked:
        verdict.differs("wrongly_parked", name, entry.parked)
    elif not entry.silent and entry.parked < entry.filed:
        verdict.differs("not_parked", name, entry.filed - entry.parked)
    if wrong := entry.reasons - _REASONS[entry.role]:
        verdict.differs("wrong_reasons", f"{name}: {', '.join(sorted(wrong))}")


def _count(verdict: Verdict, answers: Answers, books: Books, events: EventBook) -> None:
    bodies = books.bodies.values()
    kinds = answers.kinds
    times = sorted(answers.accept_ms)
    verdict.counts |= {
        "planned": books.planned,
        "never_posted": answers.lost,
        "requests": kinds.total(),
        "accepted": sum(answers.accepted),
        "archived": sum(entry.filed for entry in bodies),
        "folded": sum(entry.observations for entry in bodies),
        "emitted": events.count,
        "emitted_again": events.repeated,
        "parked": sum(entry.parked for entry in bodies),
        "refused": sum(n for kind, n in kinds.items() if kind in {"429", "503"}),
        "rejected": sum(n for kind, n in kinds.items() if kind[0] == "4" and kind != "429"),
        "server_errors": sum(n for kind, n in kinds.items() if kind[0] == "5" and kind != "503"),
        "unknown_answers": sum(n for kind, n in kinds.items() if not kind.isdigit())
        - kinds[NOT_CONNECTED],
        "not_connected": kinds[NOT_CONNECTED],
        "unsettled": books.unsettled,
        "longest_accept_ms": _place(times, 1.0),
        "p50_accept_ms": _place(times, 0.5),
        "p99_accept_ms": _place(times, 0.99),
        "longest_answer_ms": round(answers.longest_ms, 1),
    }


def _place(times: Sequence[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(share * len(times)))], 1) if times else 0.0


def _key(found: AuditedObject) -> ObjectKey:
    return ObjectKey(found.row.source, found.row.kind, found.row.provider_ref)


def _portions(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while some := list(islice(items, size)):
        yield some
