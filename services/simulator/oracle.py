"""The oracle: waits until everything has come to rest, and judges whether it is as it must be.

It knows what was posted and how each history ends from the generator, and what was promised from
the ledger. It does not know how Caudal folds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libs.bus.tail import queue_depths
from libs.bus.tap import drain_tap, healing
from libs.bus.topology import DEAD_QUEUE, EVENTS_QUEUE, QUEUES
from libs.runtime.failures import PermanentError, TemporaryError
from libs.runtime.key_ring import NO_KEYS, KeyRing
from libs.store.database import Pool, open_pool
from libs.store.inspect import counts
from libs.store.objects import ObjectKey
from services.simulator.books import Books, books_of
from services.simulator.events import EventBook
from services.simulator.judgement import judge
from services.simulator.ledger import read_ledger
from services.simulator.verdict import Verdict

POLL: Final = 0.25  # seconds between looks
SETTLED: Final = 1.5  # seconds without a change, after which it is taken to be at rest
LOOK_AGAIN: Final = 3.0  # seconds between judgements of what is at rest and not clean yet
# What waits here waits for nobody.
_NOT_WORKED: Final = frozenset({DEAD_QUEUE, EVENTS_QUEUE})


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Where to look. Both addresses carry a password."""

    amqp_url: str
    postgres_dsn: str
    keys: KeyRing = NO_KEYS
    """Those of the archive."""


def events_file(ledger: Path) -> Path:
    """Return where the events of a ledger's run are kept."""
    return ledger.with_name(ledger.name + ".events")


Overdue = Callable[[Pool], Awaitable[Collection[ObjectKey]]]


async def nothing_overdue(_: Pool) -> Collection[ObjectKey]:
    """Name no object: nobody keeps a list of the overdue."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a judgement takes into account beside the ledger.

    `enter` adds to the books what else was told, `overdue` names the objects of which a person is
    told to ask. Where polls go on for ever nothing is ever quite at rest: `rests_within` bounds how
    long is waited for it before each look.
    """

    enter: Callable[[Books], None] = lambda _: None
    overdue: Overdue = nothing_overdue
    rests_within: float | None = None


async def verify(
    ledger: Path, house: House, *, wait: float = 60.0, beside: Beside | None = None
) -> Verdict:
    """Judge a run: at once where all is well, else as it stands after `wait` seconds.

    Raises `PermanentError` for a ledger that cannot be read or whose tap is gone, and
    `TemporaryError` where broker or database stay away.
    """
    answers = await asyncio.to_thread(read_ledger, ledger)
    beside = beside or Beside()
    books = await asyncio.to_thread(books_of, answers)
    beside.enter(books)
    events = EventBook(events_file(ledger), books.lives)
    events.load()
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    async with open_pool(house.postgres_dsn, size=2, keys=house.keys) as pool:
        while True:
            within = beside.rests_within
            await _rest(house, pool, until if within is None else min(until, loop.time() + within))
            try:
                await drain_tap(house.amqp_url, answers.header.tap, events.put_away)
                overdue = await beside.overdue(pool)
                verdict = await judge(answers, books, events, pool, overdue)
                verdict.counts |= {"dead_letters": await _dead_letters(house)}
            except TemporaryError:
                if loop.time() >= until:
                    raise
            else:
                if verdict.clean or loop.time() >= until:
                    return verdict
            await asyncio.sleep(min(LOOK_AGAIN, max(until - loop.time(), POLL)))


async def _rest(house: House, pool: Pool, until: float) -> None:
    """Wait until nothing waits in a queue or the outbox and no table grows, or the time is up."""
    loop = asyncio.get_running_loop()
    before: dict[str, int] | None = None
    since = loop.time()
    while loop.time() < until:
        try:
            async with healing(house.amqp_url):
                waiting = await queue_depths(house.amqp_url, _worked())
            now = await counts(pool)
        except (TemporaryError, PermanentError):  # away, or a queue is: not at rest
            before = None
        else:
            if now != before or any(waiting.values()) or now["outbox"]:
                before, since = now, loop.time()
            elif loop.time() - since >= SETTLED:
                return
        await asyncio.sleep(POLL)


async def _dead_letters(house: House) -> int:
    """Count what was given up, of whatever run."""
    async with healing(house.amqp_url):
        return (await queue_depths(house.amqp_url, [DEAD_QUEUE]))[DEAD_QUEUE]


def _worked() -> list[str]:
    """Name the queues that workers empty; what a delay queue holds back is looked for later."""
    return [q.name for q in QUEUES if q.name not in _NOT_WORKED and q.holds_for is None]
