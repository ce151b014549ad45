"""The gap between a backup and the loss, closed from the copies that the broker keeps.

    read the events' copy: what each object's consumers were told last
      ─► apply what the deliveries' copy has and the database has not; its events wait in the outbox
      ─► settle: for each object that was told of, what waits is replaced by at most one event,
         numbered behind the last that was told, and by none where that says the same

So no number of an event is used for two things, and none is left out. It needs that no reconciler runs
meanwhile, and keeps their relay away. What it does is safe to do again, from the beginning, after
whatever interrupted it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from libs.bus.kept import KEPT_EVENTS, KEPT_WEBHOOKS, read_kept
from libs.bus.message import Message
from libs.bus.tail import consumer_counts
from libs.bus.tap import healing
from libs.bus.topology import ARCHIVE_QUEUE, RECONCILER_QUEUE
from libs.runtime.failures import PermanentError
from libs.store.database import Pool, transaction
from libs.store.objects import ObjectKey
from libs.store.outbox import RelayAway, relay_away
from libs.store.restoring import filed_last
from services.normalizer.translate import Translator
from services.reconciler.crowd import Crowd
from services.reconciler.waiting import fold_in_waiting
from services.restore.deliveries import Gap
from services.restore.reach import reach_of
from services.restore.settling import Settled, settle
from services.restore.told import ToldBook

PORTION: Final = 500  # objects in one transaction

Progress = Callable[[str], None]


@dataclass(slots=True)
class Restored:
    """What was found and done.

    `known_until` is when the database filed something for the last time, `kept_since` when the first
    delivery of the copy was received; `covered` says whether the copy reaches back to what the
    database knew. `closed`: it went through to the end, and did not only look.
    """

    known_until: datetime | None = None
    kept_since: datetime | None = None
    covered: bool = False
    closed: bool = False
    looked_at: int = 0
    missing: int = 0
    failed: int = 0
    unreadable: int = 0
    told: int = 0
    settled: Settled = field(default_factory=Settled)

    @property
    def done(self) -> bool:
        """Whether nothing can be missing."""
        apart = self.settled.unknown or self.settled.behind or self.unreadable
        return self.covered and not apart


async def survey(pool: Pool, url: str) -> Restored:
    """See how far the database and the copy reach; nothing is written.

    Raises `PermanentError` where there is no copy, and `TemporaryError` where a server is away.
    """
    known_until = await filed_last(pool)
    reach = await reach_of(pool, url)
    return Restored(known_until, reach.since, reach.covered)


async def count_missing(
    pool: Pool, url: str, translator: Translator, found: Restored, on_progress: Progress
) -> None:
    """Count what of the deliveries the database does not know; nothing is written, nobody held up."""
    gap = Gap(pool, translator, (), datetime.now(UTC), dry_run=True)
    await _go_through(url, gap, found, on_progress)


@asynccontextmanager
async def alone(pool: Pool, url: str) -> AsyncIterator[RelayAway]:
    """Keep the reconcilers' relay away; `PermanentError` while a reconciler runs."""
    async with healing(url):
        running = await consumer_counts(url, (RECONCILER_QUEUE, ARCHIVE_QUEUE))
    if any(running.values()):
        raise PermanentError(
            "stop the reconcilers first: what is folded meanwhile would be told twice"
        )
    async with relay_away(pool) as away:
        yield away


async def close_gap(  # noqa: PLR0913, PLR0917 - where, from what, and how
    pool: Pool,
    url: str,
    away: RelayAway,
    translator: Translator,
    holds: Collection[str],
    found: Restored,
    on_progress: Progress,
) -> None:
    """Bring back what happened after the backup, and say in `found` what that was.

    Raises `PermanentError` where there is no copy, and `TemporaryError` where a server is away.
    """
    book = ToldBook()
    await read_kept(url, KEPT_EVENTS, book.enter)
    on_progress(f"events of {len(book.last)} objects read")
    found.told = len(book.last)
    found.unreadable += book.unreadable
    gap = Gap(pool, translator, holds, datetime.now(UTC), dry_run=False)
    await _go_through(url, gap, found, on_progress)
    await _fold_what_waits(pool, holds)
    for keys in _portions(sorted(book.last)):
        await away.make_sure()
        async with transaction(pool) as connection:
            await settle(connection, {key: book.last[key] for key in keys}, found.settled)
    found.closed = True


async def _go_through(url: str, gap: Gap, found: Restored, on_progress: Progress) -> None:
    async def take_and_tell(messages: Sequence[Message]) -> bool:
        goes_on = await gap.take(messages)
        on_progress(f"{gap.looked_at} deliveries looked at, {gap.missing} were missing")
        return goes_on

    await read_kept(url, KEPT_WEBHOOKS, take_and_tell)
    found.looked_at, found.missing, found.failed = gap.looked_at, gap.missing, gap.failed
    found.unreadable += gap.unreadable


async def _fold_what_waits(pool: Pool, holds: Collection[str]) -> None:
    """Fold what a reconciler does in chores of its own: else rows would say less than was told."""
    while await fold_in_waiting(pool, holds):
        continue
    while await Crowd(pool, holds).run():
        continue


def _portions(keys: Iterable[ObjectKey]) -> Iterable[list[ObjectKey]]:
    left = iter(keys)
    while some := list(islice(left, PORTION)):
        yield some
