"""The gap between a backup and the loss, closed from the copies that the broker keeps.

    read the events' copy: what each object's consumers were told last
      ─► apply what the deliveries' copy has and the database has not; its events wait in the outbox
      ─► settle: for each object that was told of, what waits is replaced by at most one event,
         numbered behind the last that was told, and by none where that says the same

So no number of an event is used for two things, and none is left out. It needs that no reconciler runs
meanwhile. What it does is safe to do again, from the beginning, after whatever interrupted it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from libs.bus.kept import KEPT_EVENTS, KEPT_WEBHOOKS, read_kept
from libs.bus.message import Message
from libs.bus.tail import consumer_counts
from libs.bus.tap import healing
from libs.bus.topology import ARCHIVE_QUEUE, RECONCILER_QUEUE
from libs.runtime.failures import PermanentError
from libs.store.database import Connection, Pool, transaction
from libs.store.objects import (
    ObjectKey,
    OutboxRow,
    StoredObject,
    add_to_outbox,
    lock_objects,
    update_objects,
)
from libs.store.restoring import filed_last, forget_events_of
from libs.store.together import Writes
from services.normalizer.translate import Translator
from services.reconciler.change import outbox_row
from services.reconciler.crowd import Crowd
from services.reconciler.waiting import fold_in_waiting
from services.restore.deliveries import Gap
from services.restore.told import Told, ToldBook, says_the_same

PORTION: Final = 500  # objects in one transaction

Progress = Callable[[str], None]


@dataclass(slots=True)
class Restored:
    """What was found and done.

    `known_until` is when the restored database filed something for the last time, `kept_since` when the
    oldest delivery of the copy was received. `unknown` are objects of which events were told and of
    which, all the same, nobody knows anything. `corrected` were told otherwise than they are now.
    """

    known_until: datetime | None = None
    kept_since: datetime | None = None
    looked_at: int = 0
    missing: int = 0
    failed: int = 0
    unreadable: int = 0
    told: int = 0
    renumbered: int = 0
    corrected: int = 0
    unknown: list[ObjectKey] = field(default_factory=list)

    @property
    def covered(self) -> bool:
        """Whether the copy reaches back to what the database knows."""
        if self.kept_since is None or self.known_until is None:
            return False
        return self.kept_since <= self.known_until

    @property
    def done(self) -> bool:
        """Whether nothing can be missing."""
        return self.covered and not self.unknown and not self.unreadable


async def close_gap(  # noqa: PLR0913 - the last two are how
    pool: Pool,
    url: str,
    translator: Translator,
    holds: Collection[str],
    on_progress: Progress,
    *,
    dry_run: bool,
) -> Restored:
    """Bring back what happened after the backup; a dry run counts and writes nothing.

    Raises `PermanentError` while a reconciler runs or where there is no copy, and `TemporaryError` where a
    server is away.
    """
    async with healing(url):
        running = await consumer_counts(url, (RECONCILER_QUEUE, ARCHIVE_QUEUE))
    if any(running.values()):
        raise PermanentError(
            "stop the reconcilers first: what is folded meanwhile would be told twice"
        )
    found = Restored(known_until=await filed_last(pool))
    book = ToldBook()
    await read_kept(url, KEPT_EVENTS, book.enter)
    on_progress(f"events of {len(book.last)} objects read")
    gap = Gap(pool, translator, holds, datetime.now(UTC), dry_run=dry_run)

    async def take_and_tell(messages: Sequence[Message]) -> bool:
        goes_on = await gap.take(messages)
        on_progress(f"{gap.looked_at} deliveries looked at, {gap.missing} were missing")
        return goes_on

    await read_kept(url, KEPT_WEBHOOKS, take_and_tell)
    found.kept_since, found.looked_at, found.missing = gap.oldest, gap.looked_at, gap.missing
    found.failed, found.unreadable = gap.failed, gap.unreadable + book.unreadable
    found.told = len(book.last)
    if not dry_run:
        await _fold_what_waits(pool, holds)
    for keys in _portions(sorted(book.last)):
        async with transaction(pool) as connection:
            await _settle(connection, {key: book.last[key] for key in keys}, found, dry_run=dry_run)
    return found


async def _fold_what_waits(pool: Pool, holds: Collection[str]) -> None:
    """Fold what a reconciler does in chores of its own: else rows would say less than was told."""
    while await fold_in_waiting(pool, holds):
        continue
    while await Crowd(pool, holds).run():
        continue


async def _settle(
    connection: Connection, told: dict[ObjectKey, Told], found: Restored, *, dry_run: bool
) -> None:
    """Have rows go on behind what was told last of them."""
    rows = await lock_objects(connection, told)
    changed: list[StoredObject] = []
    events: list[OutboxRow] = []
    for key, last in told.items():
        row = rows.get(key)
        if row is None or row.state is None:
            found.unknown.append(key)
            continue
        now, news = settled(row, last)
        if news:
            found.corrected += 1
            events.append(outbox_row(now))
        if now != row:
            found.renumbered += now.sequence != row.sequence
            changed.append(now)
    if dry_run:
        return
    writes = Writes()
    update_objects(writes, changed)
    add_to_outbox(writes, events)
    await forget_events_of(connection, [row.id for row in rows.values()])
    await writes.execute(connection)


def settled(row: StoredObject, last: Told) -> tuple[StoredObject, bool]:
    """Return a row as it goes on behind the last event that was told, and whether there is news."""
    if row.held:  # what it says is told by no event; what was told last stands before it
        return replace(row, sequence=last.sequence, previous_state=last.state), False
    if says_the_same(row, last):
        return replace(row, sequence=last.sequence, previous_state=last.previous_state), False
    return replace(row, sequence=last.sequence + 1, previous_state=last.state), True


def _portions(keys: Iterable[ObjectKey]) -> Iterable[list[ObjectKey]]:
    left = iter(keys)
    while some := list(islice(left, PORTION)):
        yield some
