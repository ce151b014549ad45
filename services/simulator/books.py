"""What must be, given what was posted and what was answered: the generator's side of the books.

The plan is made again from the ledger's first line. Bodies are known by their SHA-256: a webhook
and its repetitions are one entry, and each of its accepted requests is one delivery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from libs.store.objects import ObjectKey
from services.simulator.ledger import Answers
from services.simulator.plan import OUTSTANDING, Lived, Plan, Role, Webhook
from services.simulator.providers import SIMULATIONS


@dataclass(slots=True)
class Entry:
    """One body. `accepted` 2xx answers mean as many deliveries; more than `possible` cannot be.

    `settled` tells of the webhook itself, without its repetitions, that it was accepted.
    `filed`, `parked`, `observations` and `reasons` are what a judgement finds.
    """

    index: int
    source: str
    role: Role
    taken: bool
    silent: bool
    lived: Lived | None
    lost: bool = False
    settled: bool = False
    accepted: int = 0
    possible: int = 0
    filed: int = 0
    parked: int = 0
    observations: int = 0
    reasons: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Unsent:
    """What a life was not told of: its steps, and how many of them would have said something."""

    steps: set[int] = field(default_factory=set)
    told: int = 0


NOTHING_UNSENT: Final = Unsent()


@dataclass(slots=True)
class Books:
    """Every body and every object of a run.

    `unsent` has, by the number of a life, what of it was never sent.
    """

    bodies: dict[bytes, Entry] = field(default_factory=dict)
    lives: dict[ObjectKey, Lived] = field(default_factory=dict)
    unsent: dict[int, Unsent] = field(default_factory=dict)
    planned: int = 0
    wrong_answers: list[str] = field(default_factory=list)
    unsettled: int = 0

    def reset(self) -> None:
        """Forget what an earlier judgement found."""
        for entry in self.bodies.values():
            entry.filed = entry.parked = entry.observations = 0
            entry.reasons.clear()


def books_of(answers: Answers) -> Books:
    """Make the plan again and enter every answer."""
    books = Books()
    options = answers.header.options
    stream: Iterator[Webhook] = Plan(options).webhooks(answers.close_at)
    if options.count is None and answers.close_at is None:
        # The driver was stopped: what was under way is not far behind the last answer.
        stream = islice(stream, answers.known + OUTSTANDING)
    for webhook in stream:
        books.planned += options.count is not None or webhook.index < answers.known
        entry = books.bodies.get(webhook.digest)
        if entry is None:
            entry = books.bodies[webhook.digest] = Entry(
                webhook.index, webhook.source, webhook.role, webhook.taken, webhook.silent,
                webhook.lived, webhook.lost,
            )  # fmt: skip
        if webhook.lived is not None:
            ends = webhook.lived.ends
            books.lives[ObjectKey(webhook.source, ends.kind, ends.ref)] = webhook.lived
        if webhook.lost and webhook.lived is not None and webhook.step is not None:
            unsent = books.unsent.setdefault(webhook.lived.number, Unsent())
            unsent.steps.add(webhook.step)
            unsent.told += not webhook.silent
            continue
        _enter(books, entry, webhook.index, answers, SIMULATIONS[webhook.provider].success)
    return books


def _enter(books: Books, entry: Entry, index: int, answers: Answers, success: int) -> None:
    """Enter what was answered to one webhook of a body."""
    if index >= answers.known or not answers.tries[index]:
        books.unsettled += index < answers.known
        entry.possible += answers.end != "done"  # it may have been under way
        return
    final, accepted = answers.final[index], answers.accepted[index]
    entry.accepted += accepted
    entry.possible += answers.tries[index] + (not settles(final) and answers.end != "done")
    entry.settled |= bool(accepted) and index == entry.index
    if not settles(final):
        books.unsettled += 1
    elif final != success if entry.taken else final < 400:
        books.wrong_answers.append(f"webhook {index} of {entry.source} was answered {final}")


def settles(status: int) -> bool:
    """Whether posting it again would have changed nothing."""
    return 200 <= status < 500 and status not in {408, 425, 429}
