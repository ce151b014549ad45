"""One batch of outcomes in one transaction: observations, objects, outbox, parked, ledger.

    locate the objects ─► lock them in key order ─► add what is new ─► fold ─► rows and events

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
from libs.store.archive import file_missing, not_on_file
from libs.store.database import Connection, Pool, savepoint, transaction
from libs.store.objects import (
    ObjectKey,
    OutboxRow,
    Repeat,
    StoredObject,
    add_observations,
    add_repeats,
    add_to_outbox,
    lock_objects,
    observations_of,
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
from services.reconciler.replayed import not_on_record, put_aside

# Observations of one object, beyond which a batch folds it once and no longer step by step.
CROWDED: Final = 200

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
        news, before = await not_on_record(connection, outcomes)
        told = await _locate(connection, news)
        applied = await fold_in(connection, told.by_object, told.providers)
        await put_aside(connection, news, told.parked, before)
        await record_outcomes(connection, news)
        await record_pokes(connection, news)
        await _file_missing(connection, outcomes)
        failpoint("reconciler.applied")
    failpoint("reconciler.committed")
    applied.outcomes = len(outcomes)
    applied.parked = len(told.parked)
    return applied


async def _file_missing(connection: Connection, outcomes: Sequence[Translated]) -> None:
    """Put on file what the archive's own consumer has not filed, yet or ever."""
    named = sorted({(outcome.delivery_id, outcome.received_at) for outcome in outcomes})
    missing = await not_on_file(connection, named)
    found = {o.delivery_id: o.delivery for o in outcomes if o.delivery_id in missing}
    await file_missing(connection, [each for each in found.values() if each is not None])


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
    """Add observations to their objects, fold those that are touched, write rows and events."""
    if not by_object:
        return Applied()
    objects = await lock_objects(connection, providers)
    # What nothing has decided yet has no observations.
    decided = [stored.id for stored in objects.values() if stored.decided_by is not None]
    known = await observations_of(connection, decided)
    steps = _Steps()
    for key in sorted(by_object):
        stored = objects[key]
        _advance(stored, known.get(stored.id, {}), by_object[key], steps)
    fresh = [(object_id, said) for (object_id, _), said in steps.added.items()]
    await add_observations(connection, fresh)
    await add_repeats(connection, steps.repeats)
    await update_objects(connection, steps.rows)
    await add_to_outbox(connection, steps.events)
    return Applied(observations=len(fresh), repeats=len(steps.repeats), events=len(steps.events))


@dataclass(slots=True)
class _Steps:
    """What a batch adds, object by object."""

    added: dict[tuple[int, str], Observation] = field(default_factory=dict)
    repeats: list[Repeat] = field(default_factory=list)
    rows: list[StoredObject] = field(default_factory=list)
    events: list[OutboxRow] = field(default_factory=list)


def _advance(
    stored: StoredObject,
    known: dict[str, Observation],
    told: Sequence[Observation],
    steps: _Steps,
) -> None:
    """Take observations in one by one, as if each had come alone: a batch skips no change.

    A crowded object (no honest one is) is folded once for the batch, or the time that its batch
    takes would grow with the square of what was said.
    """
    row, merged = stored, False
    for number, said in enumerate(told, 1):
        merged |= _merge(stored.id, known, said, steps)
        if not merged or (len(known) > CROWDED and number < len(told)):
            continue
        merged = False
        change = change_of(row, fold(Kind(stored.kind), known.values()))
        if change is not None:
            row = change.row
            if change.news:
                steps.events.append(outbox_row(row))
    if row is not stored:
        steps.rows.append(row)


def _merge(object_id: int, known: dict[str, Observation], said: Observation, steps: _Steps) -> bool:
    """Put one observation into what is known; say whether that adds anything.

    A key that is known stays as it was first received, and the later telling is a repeat. The
    same delivery again is nothing at all.
    """
    first = known.get(said.key)
    if first is not None and first.delivery_id == said.delivery_id:
        return False
    if first is None or _received(said) < _received(first):
        known[said.key] = steps.added[object_id, said.key] = said
        later = first
    else:
        later = said
    if later is not None:
        steps.repeats.append(Repeat(object_id, said.key, later.delivery_id, later.received_at))
    return later is not said


def _received(said: Observation) -> tuple[datetime, str]:
    return said.received_at, said.delivery_id


async def park_failed(pool: Pool, outcome: Translated, *, reason: str, attempts: int) -> None:
    """Put aside an outcome that cannot be applied; a copy of it that was applied is enough."""
    why = Unknown(reason=ParkReason.FAILED, detail=reason, attempts=attempts)
    async with transaction(pool) as connection:
        news, before = await not_on_record(connection, [outcome])
        if not news:
            return
        await put_aside(connection, news, [Parked(outcome, WHOLE, why)], before)
        await record_failed(connection, outcome)
        try:
            async with savepoint(connection):
                await _file_missing(connection, [outcome])
        except TemporaryError:
            raise
        except Exception as error:  # noqa: BLE001 - it may be what spoils the outcome; the body is parked
            log.error("failed_outcome_not_filed", at=where(error))  # noqa: TRY400
