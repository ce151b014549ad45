"""`caudal replay`: archived deliveries with today's mappings, from the archive alone.

    stream the range ─► screen it ─► keep what differs ─► group by the objects touched ─► correct

A group is all deliveries that differ and touch the same objects. It is corrected in one transaction
that holds the locks of its objects, and looks again under them: what a reconciler, or another
replay, did meanwhile is seen. Doing it again changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from libs.runtime.failures import TemporaryError
from libs.store.archive import Unopened, deliveries_on_file
from libs.store.corrections import archived_between, objects_by_key, read_only
from libs.store.database import Connection, Pool, transaction
from libs.store.objects import ObjectKey, StoredObject, lock_objects, make_objects, unknown_object
from libs.store.parked import Kept, lock_parked
from services.normalizer.translate import Translator
from services.replay.comparison import compare
from services.replay.correction import Planned, carry_out, plan
from services.replay.grouping import Touching, groups
from services.replay.screens import Screen, screen

CHUNK: Final = 100  # deliveries in one transaction, where a group is not larger by itself
ATTEMPTS: Final = 8  # at a transaction that time may heal
FIRST_PAUSE: Final = 0.2  # seconds between them, doubling
ROUNDS: Final = 5  # in which a group may turn out to touch more objects than thought

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Range:
    """What to look at: receipt from `since` to before `until`; no sources are all of them."""

    since: datetime
    until: datetime
    sources: tuple[str, ...] = ()


@dataclass(slots=True)
class Replayed:
    """What was found and done. `changed` has rows before and after, `left` needs a person.

    `unopened` are deliveries whose bodies cannot be opened with the keys at hand.
    """

    looked_at: int = 0
    differing: int = 0
    unparked: int = 0
    parked: int = 0
    changed: list[tuple[StoredObject, StoredObject]] = field(default_factory=list)
    left: list[ObjectKey] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unopened: list[Unopened] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether nothing was left to a person."""
        return not (self.left or self.failed or self.unopened)


async def replay(  # noqa: PLR0913 - the last is how, and not what
    pool: Pool,
    translator: Translator,
    wanted: Range,
    on_progress: Progress,
    *,
    dry_run: bool,
    processes: int = 1,
    holds: Collection[str] = (),
) -> Replayed:
    """Correct what today's mappings say otherwise; a dry run computes the same and writes nothing.

    `holds` are the sources whose uncorroborated money is not told. So many processes, this one among them, go through the archive.
    """
    found = Replayed()
    with screen(translator, processes) as screening:
        differing = await _scan(pool, screening, wanted, found, on_progress)
    found.differing = len(differing)
    done = 0
    for chunk in _chunks(groups(differing)):
        planned = await _healed(pool, translator, chunk, dry_run=dry_run, holds=holds)
        _take(found, planned)
        done += len(chunk)
        on_progress(f"{done} of {len(differing)} differing deliveries corrected")
    return found


async def _scan(
    pool: Pool, screening: Screen, wanted: Range, found: Replayed, on_progress: Progress
) -> list[Touching]:
    """Go through the archive and keep what differs: ids and objects, no bodies."""
    differing: list[Touching] = []
    async with read_only(pool) as connection:
        portions = archived_between(
            connection, wanted.since, wanted.until, wanted.sources, found.unopened.append
        )
        async for archived, doubtful in screening.screened(portions):
            deliveries = [archived[number].delivery for number in doubtful]
            compared, failed = await compare(connection, screening.translator, deliveries)
            found.failed += failed
            found.looked_at += len(archived)
            for each in compared:
                if each.differs:
                    outcome = each.outcome
                    kept = Kept(outcome.delivery_id, outcome.received_at)
                    touched = frozenset(place.of for place in each.moved)
                    differing.append(Touching(kept, outcome.provider, touched))
            on_progress(f"{found.looked_at} looked at, {len(differing)} differ")
    return differing


def _chunks(found: Iterable[list[Touching]]) -> Iterable[list[Touching]]:
    chunk: list[Touching] = []
    for group in found:
        if chunk and len(chunk) + len(group) > CHUNK:
            yield chunk
            chunk = []
        chunk = [*chunk, *group]
    if chunk:
        yield chunk


async def _healed(
    pool: Pool,
    translator: Translator,
    chunk: Sequence[Touching],
    *,
    dry_run: bool,
    holds: Collection[str],
) -> Planned:
    """Correct a chunk; what time heals is tried again, for about a minute."""
    pause = FIRST_PAUSE
    for _ in range(ATTEMPTS):
        try:
            return await _correct(pool, translator, chunk, dry_run=dry_run, holds=holds)
        except TemporaryError:
            await asyncio.sleep(pause)
            pause *= 2
    return await _correct(pool, translator, chunk, dry_run=dry_run, holds=holds)


async def _correct(
    pool: Pool,
    translator: Translator,
    chunk: Sequence[Touching],
    *,
    dry_run: bool,
    holds: Collection[str],
) -> Planned:
    wanted = {key: each.provider for each in chunk for key in each.objects}
    kept = sorted(each.kept for each in chunk)
    for _ in range(ROUNDS):
        async with read_only(pool) if dry_run else transaction(pool) as connection:
            planned, more = await _planned(
                connection, translator, kept, wanted, dry_run=dry_run, holds=holds
            )
            if planned is not None:
                if not dry_run:
                    await carry_out(connection, planned)
                return planned
        wanted |= more
    raise TemporaryError("other processes move the same objects all the time")


async def _planned(  # noqa: PLR0913 - the last two are how
    connection: Connection,
    translator: Translator,
    kept: Sequence[Kept],
    wanted: dict[ObjectKey, str],
    *,
    dry_run: bool,
    holds: Collection[str],
) -> tuple[Planned | None, dict[ObjectKey, str]]:
    """Lock, look again, and plan; or return the objects that are touched and were not locked."""
    rows: dict[ObjectKey, StoredObject] = {}
    if dry_run:
        known = await objects_by_key(connection, wanted)
        for number, key in enumerate(sorted(wanted), 1):
            rows[key] = known.get(key) or unknown_object(key, wanted[key], -number)
    else:
        await lock_parked(connection, [each.delivery_id for each in kept])
        await make_objects(connection, wanted)  # before any is locked, as everywhere
        rows = await lock_objects(connection, wanted)
    deliveries = await deliveries_on_file(connection, kept)
    compared, _ = await compare(connection, translator, deliveries)
    more = {
        place.of: each.outcome.provider
        for each in compared
        for place in each.moved
        if place.of not in rows
    }
    if more:
        return None, more
    return await plan(connection, compared, rows, holds), {}


def _take(found: Replayed, planned: Planned) -> None:
    for each in planned.objects:
        if each.left:
            found.left.append(each.before.key)
        if each.after is not None:
            found.changed.append((each.before, each.after))
    for delivery in planned.deliveries:
        found.unparked += len(delivery.no_longer_parked)
        found.parked += len(delivery.newly_parked)
