"""One batch of outcomes, all of it or nothing: observations, objects, outbox, parked, ledger.

    locate the objects ─► read what is on record ─► fold step by step ─► write, if it still is so

Doing the same batch again is a no-op, so a commit whose answer was lost may simply be repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import ContentionError, TemporaryError, where
from libs.store.archive import file_missing
from libs.store.crowded import note_crowded
from libs.store.database import Connection, Pool, savepoint, session, transaction
from libs.store.objects import (
    ObjectKey,
    Repeat,
    StoredObject,
    add_objects,
    add_observations,
    add_repeats,
    add_to_outbox,
    add_traced_to_outbox,
    lock_objects,
    make_objects,
    observations_named,
    unknown_object,
    update_objects,
)
from libs.store.on_record import OnRecord, batch_on_record
from libs.store.outcomes import (
    WHOLE,
    Parked,
    ledger_name,
    record_failed,
    record_outcomes,
    record_pokes,
)
from libs.store.together import StaleError, Writes
from services.reconciler.applied import Applied
from services.reconciler.change import outbox_row
from services.reconciler.placing import Places, not_found, places_of
from services.reconciler.replayed import is_replay, lock_replayed, put_aside
from services.reconciler.steps import CROWDED, Steps, advance, doubt, merge, verdicts
from services.reconciler.witness import Folding

# Attempts with everything locked, which only somebody who enters the same names in the ledger can
# spoil.
LOCKED: Final = 10

log = structlog.get_logger()


@dataclass(slots=True)
class _Told:
    """The observations of a batch by object, and those whose object is not known."""

    by_object: dict[ObjectKey, list[Observation]] = field(default_factory=dict)
    providers: dict[ObjectKey, str] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)


async def apply(
    pool: Pool,
    outcomes: Sequence[Translated],
    holds: Collection[str] = (),
    folding: Folding | None = None,
) -> Applied:
    """Apply a batch; `holds` are the sources whose uncorroborated money is not told.

    `folding` is shown what comes of each outcome, where somebody tells of single ones.

    First without a lock: what the batch is folded onto is read in one round trip and what comes of
    it is written in a second one, unless it was changed in between. Where it was, or where the
    batch replays deliveries, everything is locked and then read, in a transaction.
    """
    free = () if any(map(is_replay, outcomes)) else (False,)
    for locking in (*free, *(True,) * LOCKED):
        with suppress(StaleError):
            async with (transaction if locking else session)(pool) as connection:
                applied = await _apply(
                    connection, outcomes, holds, locking=locking, folding=folding
                )
            failpoint("reconciler.committed")
            return applied
    raise ContentionError("other processes enter the same deliveries all the time")


async def _apply(
    connection: Connection,
    outcomes: Sequence[Translated],
    holds: Collection[str],
    *,
    locking: bool,
    folding: Folding | None,
) -> Applied:
    before = await lock_replayed(connection, outcomes) if locking else []
    places = await places_of(connection, outcomes)
    told = _located(outcomes, places)
    names = {o.delivery_id: ledger_name(o) for o in outcomes}
    known = await _on_record(connection, names, outcomes, told)
    if locking:
        # Those that are new first, which is the order of `libs.store.together`. Which are new is known
        # from the first reading, and how all of them stand only when they are locked.
        new = _located(_news(outcomes, known), places).by_object.keys() - known.rows.keys()
        await make_objects(connection, {key: told.providers[key] for key in new})
        await lock_objects(connection, told.by_object)
        known = await _on_record(connection, names, outcomes, told)
    news = _news(outcomes, known)
    if len(news) < len(outcomes):
        told = _located(news, places)
    writes = Writes()
    applied, doubtful = await _fold_onto(connection, writes, known, told, holds, folding)
    if folding is not None:
        folding.saw(news, [parked.outcome for parked in told.parked])
    await put_aside(connection, writes, news, told.parked, before)
    record_outcomes(writes, news, names, known.first)
    record_pokes(writes, news, doubtful)
    # What the archive's own consumer has not filed, yet or ever.
    file_missing(writes, _unfiled(outcomes, known))
    failpoint("reconciler.applied")
    await writes.execute(connection)
    applied.outcomes = len(outcomes)
    applied.parked = len(told.parked)
    if told.parked:
        applied.reasons.update(parked.why.reason.value for parked in told.parked)
    return applied


async def _on_record(
    connection: Connection, names: Mapping[str, bytes], outcomes: Sequence[Translated], told: _Told
) -> OnRecord:
    return await batch_on_record(
        connection,
        sorted({(o.delivery_id, o.received_at, o.source) for o in outcomes}),
        sorted(set(names.values())),
        told.by_object,
        most=CROWDED,
    )


def _news(outcomes: Sequence[Translated], known: OnRecord) -> list[Translated]:
    """Leave out deliveries of which it is on record what became of them."""
    return [o for o in outcomes if o.delivery_id not in known.told]


def _unfiled(outcomes: Sequence[Translated], known: OnRecord) -> list[Delivery]:
    unfiled = {o.delivery_id: o.delivery for o in outcomes if o.delivery_id not in known.filed}
    return [delivery for delivery in unfiled.values() if delivery is not None]


def _located(outcomes: Sequence[Translated], places: Places) -> _Told:
    """Say for each observation which object it is about."""
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
    holds: Collection[str] = (),
) -> None:
    """Fold observations into their objects, inside a transaction."""
    told = _Told(by_object, providers)
    await lock_objects(connection, by_object)
    known = await batch_on_record(connection, (), (), by_object, most=CROWDED)
    writes = Writes()
    _, doubtful = await _fold_onto(connection, writes, known, told, holds)
    record_pokes(writes, (), doubtful)
    await writes.execute(connection)


async def _fold_onto(  # noqa: PLR0913, PLR0917 - what a batch is, and onto what
    connection: Connection,
    writes: Writes,
    known: OnRecord,
    told: _Told,
    holds: Collection[str],
    folding: Folding | None = None,
) -> tuple[Applied, list[tuple[StoredObject, str]]]:
    """Add observations to their objects, fold those that are touched, write rows and events.

    Return also which objects are in doubt now and were not before, with the flag that says so.

    Crowds are not folded but noted, to be folded later. So a batch reads and folds a bounded number
    of observations of each object, whatever was said.
    """
    crowds = {key: known.rows[key] for key in told.by_object if key in known.crowds}
    births, changed = [], []
    for key, said in told.by_object.items():
        if key in crowds:
            continue
        row = known.rows.get(key)
        if row is None:
            new = unknown_object(key, told.providers[key], known.numbers[key])
            births.append(advance(new, {}, said, holds))
        else:
            changed.append(advance(row, known.said[key], said, holds))
    if crowds:
        changed += await _crowded(connection, writes, crowds, told.by_object)
    steps = sorted([*births, *changed], key=lambda steps: steps.row.key)
    fresh = [(each.row.id, said) for each in steps for said in each.added.values()]
    repeats = [
        Repeat(each.row.id, said.key, said.delivery_id, said.received_at)
        for each in steps
        for said in each.repeats
    ]
    events = [outbox_row(row) for each in steps for row, _ in each.news]
    update_objects(writes, [each.row for each in changed if each.moved or each.added])
    add_objects(writes, [each.row for each in births])
    add_observations(writes, fresh)
    add_repeats(writes, repeats)
    if folding is None:
        add_to_outbox(writes, events)
    else:
        folding.folded(steps)
        causes = [folding.context_of(said) for each in steps for _, said in each.news]
        add_traced_to_outbox(writes, zip(events, causes, strict=True))
    doubtful = [(each.row, flag) for each in steps if each.row.flags and (flag := doubt(each))]
    applied = Applied(
        observations=len(fresh),
        repeats=len(repeats),
        events=len(events),
        verdicts=verdicts(steps, len(repeats)),
    )
    return applied, doubtful


async def _crowded(
    connection: Connection,
    writes: Writes,
    crowds: dict[ObjectKey, StoredObject],
    by_object: dict[ObjectKey, list[Observation]],
) -> list[Steps]:
    """Take in what is said of crowds, and note those that grow."""
    told = await observations_named(
        connection,
        {(row.id, said.key) for key, row in crowds.items() for said in by_object[key]},
    )
    steps = []
    for key, row in crowds.items():
        more = Steps(row)
        for said in by_object[key]:
            merge(told.setdefault(row.id, {}), said, more)
        steps.append(more)
    note_crowded(writes, [each.row.id for each in steps if each.added])
    return steps


async def park_failed(pool: Pool, outcome: Translated, *, reason: str, attempts: int) -> bool:
    """Put aside an outcome that cannot be applied, and say so; a copy of it that was applied is enough."""
    why = Unknown(reason=ParkReason.FAILED, detail=reason, attempts=attempts)
    named = [(outcome.delivery_id, outcome.received_at, outcome.source)]
    async with transaction(pool) as connection:
        before = await lock_replayed(connection, [outcome])
        known = await batch_on_record(connection, named, (), (), most=0)
        if outcome.delivery_id in known.told:
            return False
        writes = Writes()
        await put_aside(connection, writes, [outcome], [Parked(outcome, WHOLE, why)], before)
        record_failed(writes, outcome)
        await writes.execute(connection)
        filing = Writes()
        file_missing(filing, _unfiled([outcome], known))
        try:
            async with savepoint(connection):
                await filing.execute(connection)
        except TemporaryError:
            raise
        except Exception as error:  # noqa: BLE001 - it may be what spoils the outcome; the body is parked
            log.error("failed_outcome_not_filed", at=where(error))  # noqa: TRY400
    return True
