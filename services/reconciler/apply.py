"""One batch of outcomes in one transaction: observations, objects, outbox, parked, ledger.

    locate the objects ─► make the new, lock the known ─► fold step by step ─► rows and events

Doing the same batch again is a no-op, so a commit whose answer was lost may simply be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Final

import structlog

from libs.contracts.readings import ParkReason, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.fold import fold
from libs.domain.lifecycle import Kind
from libs.domain.observation import Observation
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import TemporaryError, where
from libs.store.archive import file_missing
from libs.store.crowded import note_crowded
from libs.store.database import Connection, Pool, savepoint, transaction
from libs.store.objects import (
    ObjectKey,
    Repeat,
    StoredObject,
    add_objects,
    add_observations,
    add_repeats,
    add_to_outbox,
    keys_on_record,
    lock_objects,
    observations_named,
    observations_of,
    unknown_object,
    update_objects,
)
from libs.store.outcomes import (
    WHOLE,
    Parked,
    record_failed,
    record_outcomes,
    record_pokes,
)
from services.reconciler.change import change_of, outbox_row
from services.reconciler.placing import Places, not_found, places_of
from services.reconciler.replayed import news_of, put_aside

# Observations of one object, beyond which it is a crowd: a batch folds it once and no longer step by
# step, and one that finds a crowd leaves the fold to `crowd`. No honest object is one.
CROWDED: Final = 100

log = structlog.get_logger()


@dataclass(slots=True)
class Applied:
    """What a batch did, in counts."""

    outcomes: int = 0
    observations: int = 0
    repeats: int = 0
    events: int = 0
    parked: int = 0

    def add(self, other: Applied) -> None:
        """Add the counts of another batch."""
        for count in fields(self):
            name = count.name
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


@dataclass(slots=True)
class _Told:
    """The observations of a batch by object, and those whose object is not known."""

    by_object: dict[ObjectKey, list[Observation]] = field(default_factory=dict)
    providers: dict[ObjectKey, str] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)


async def apply(pool: Pool, outcomes: Sequence[Translated]) -> Applied:
    """Apply a batch in one transaction."""
    async with transaction(pool) as connection:
        news = await news_of(connection, outcomes)
        told = await _locate(connection, news.outcomes)
        applied = await fold_in(connection, told.by_object, told.providers)
        await put_aside(connection, news.outcomes, told.parked, news.before)
        await record_outcomes(connection, news.outcomes)
        await record_pokes(connection, news.outcomes)
        # What the archive's own consumer has not filed, yet or ever.
        await file_missing(connection, news.unfiled)
        failpoint("reconciler.applied")
    failpoint("reconciler.committed")
    applied.outcomes = len(outcomes)
    applied.parked = len(told.parked)
    return applied


async def _locate(connection: Connection, outcomes: Sequence[Translated]) -> _Told:
    """Say for each observation which object it is about."""
    places = await places_of(connection, outcomes)
    told = _Told()
    for outcome in outcomes:
        for ordinal, reading in enumerate(outcome.readings):
            if isinstance(reading, Unknown):
                told.parked.append(Parked(outcome, ordinal, reading))
            elif isinstance(reading, Observation):
                _place(told, outcome, ordinal, reading, places)
    return told


def _place(
    told: _Told, outcome: Translated, ordinal: int, said: Observation, places: Places
) -> None:
    ref = places.ref_of(outcome, said)
    if ref is None:
        told.parked.append(Parked(outcome, ordinal, not_found(said), waiting=said))
        return
    key = ObjectKey(outcome.source, said.kind.value, ref)
    told.providers[key] = outcome.provider
    told.by_object.setdefault(key, []).append(
        said if said.provider_ref is not None else replace(said, provider_ref=ref)
    )


async def fold_in(
    connection: Connection,
    by_object: dict[ObjectKey, list[Observation]],
    providers: dict[ObjectKey, str],
) -> Applied:
    """Add observations to their objects, fold those that are touched, write rows and events.

    Objects that are new are made first, and then those that are known are locked, both in order of
    their keys: no reconciler waits for one object while another waits for what it has made.
    """
    if not by_object:
        return Applied()
    told = await _births(connection, by_object, providers)
    rows = await lock_objects(connection, by_object.keys() - told.keys())
    changed = await _changes(connection, rows, by_object)
    steps = sorted([*told.values(), *changed], key=lambda steps: steps.row.key)
    fresh = [(each.row.id, said) for each in steps for said in each.added.values()]
    repeats = [
        Repeat(each.row.id, said.key, said.delivery_id, said.received_at)
        for each in steps
        for said in each.repeats
    ]
    events = [outbox_row(row) for each in steps for row in each.news]
    await add_observations(connection, fresh)
    await add_repeats(connection, repeats)
    await update_objects(connection, [each.row for each in changed if each.moved])
    await add_to_outbox(connection, events)
    return Applied(observations=len(fresh), repeats=len(repeats), events=len(events))


async def _births(
    connection: Connection,
    by_object: dict[ObjectKey, list[Observation]],
    providers: dict[ObjectKey, str],
) -> dict[ObjectKey, _Steps]:
    """Make the objects that are new, each as it is after this batch; return their steps.

    What another reconciler makes at the same time is left to be locked.
    """
    on_record = await keys_on_record(connection, by_object)
    steps = {
        key: _advance(unknown_object(key, providers[key], 0), {}, said)
        for key, said in by_object.items()
        if key not in on_record
    }
    numbers = await add_objects(connection, [each.row for each in steps.values()])
    for key, number in numbers.items():
        for row in (steps[key].row, *steps[key].news):
            row.id = number
    return {key: steps[key] for key in numbers}


async def _changes(
    connection: Connection,
    rows: dict[ObjectKey, StoredObject],
    by_object: dict[ObjectKey, list[Observation]],
) -> list[_Steps]:
    """Take the objects that are known further, except crowds: those are noted, to be folded later.

    So a batch reads and folds a bounded number of observations of each object, whatever was said.
    """
    known = await observations_of(connection, [row.id for row in rows.values()], most=CROWDED + 1)
    crowds = {key: row for key, row in rows.items() if len(known[row.id]) > CROWDED}
    steps = [
        _advance(row, known[row.id], by_object[key])
        for key, row in rows.items()
        if key not in crowds
    ]
    told = await observations_named(
        connection, {(row.id, said.key) for key, row in crowds.items() for said in by_object[key]}
    )
    for key, row in crowds.items():
        more = _Steps(row)
        for said in by_object[key]:
            _merge(told.setdefault(row.id, {}), said, more)
        steps.append(more)
    grown = {each.row.id for each in steps if each.added}
    await note_crowded(connection, grown & {row.id for row in crowds.values()})
    return steps


@dataclass(slots=True)
class _Steps:
    """What a batch adds to one object; `news` are the rows that events tell of, in order."""

    row: StoredObject
    moved: bool = False
    added: dict[str, Observation] = field(default_factory=dict)
    repeats: list[Observation] = field(default_factory=list)
    news: list[StoredObject] = field(default_factory=list)


def _advance(
    stored: StoredObject, known: dict[str, Observation], told: Sequence[Observation]
) -> _Steps:
    """Take observations in one by one, as if each had come alone: a batch skips no change.

    A crowded object (no honest one is) is folded once for the batch, or the time that its batch
    takes would grow with the square of what was said.
    """
    steps, kind, merged = _Steps(stored), Kind(stored.kind), False
    for number, said in enumerate(told, 1):
        merged |= _merge(known, said, steps)
        if not merged or (len(known) > CROWDED and number < len(told)):
            continue
        merged = False
        change = change_of(steps.row, fold(kind, known.values()))
        if change is not None:
            steps.row, steps.moved = change.row, True
            if change.news:
                steps.news.append(change.row)
    return steps


def _merge(known: dict[str, Observation], said: Observation, steps: _Steps) -> bool:
    """Put one observation into what is known; say whether that adds anything.

    A key that is known stays as it was first received, and the later telling is a repeat. The
    same delivery again is nothing at all.
    """
    first = known.get(said.key)
    if first is not None and first.delivery_id == said.delivery_id:
        return False
    if first is None or _received(said) < _received(first):
        known[said.key] = steps.added[said.key] = said
        later = first
    else:
        later = said
    if later is not None:
        steps.repeats.append(later)
    return later is not said


def _received(said: Observation) -> tuple[datetime, str]:
    return said.received_at, said.delivery_id


async def park_failed(pool: Pool, outcome: Translated, *, reason: str, attempts: int) -> None:
    """Put aside an outcome that cannot be applied; a copy of it that was applied is enough."""
    why = Unknown(reason=ParkReason.FAILED, detail=reason, attempts=attempts)
    async with transaction(pool) as connection:
        news = await news_of(connection, [outcome])
        if not news.outcomes:
            return
        await put_aside(connection, news.outcomes, [Parked(outcome, WHOLE, why)], news.before)
        await record_failed(connection, outcome)
        try:
            async with savepoint(connection):
                await file_missing(connection, news.unfiled)
        except TemporaryError:
            raise
        except Exception as error:  # noqa: BLE001 - it may be what spoils the outcome; the body is parked
            log.error("failed_outcome_not_filed", at=where(error))  # noqa: TRY400
