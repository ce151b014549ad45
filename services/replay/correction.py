"""Objects as they would be if some deliveries had said what they say now.

One computation for the dry run and for the real one: `plan` reads, `carry_out` writes what it says.
Whoever carries it out holds the locks since before the plan was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Kind
from libs.domain.observation import Observation, Precedence, precedence
from libs.store.corrections import add_names, remove_told, repeats_of
from libs.store.database import Connection
from libs.store.objects import (
    ObjectKey,
    Repeat,
    StoredObject,
    add_observations,
    add_repeats,
    add_to_outbox,
    observations_of,
    update_objects,
)
from libs.store.outcomes import record_pokes, unpark
from libs.store.parked import park_again
from libs.store.together import Writes
from services.reconciler.change import Change, change_of, outbox_row
from services.replay.comparison import Compared


@dataclass(slots=True)
class Corrected:
    """One object. `change` is None where its row stays; `left` says that a person has to look."""

    before: StoredObject
    change: Change | None = None
    left: bool = False
    gone: list[str] = field(default_factory=list)
    told: list[Observation] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    names: tuple[str, ...] = ()

    @property
    def after(self) -> StoredObject | None:
        """The row that an event tells of; None where there is no news."""
        return self.change.row if self.change is not None and self.change.news else None


@dataclass(slots=True)
class Planned:
    """What becomes of the objects that deliveries touch, and of what is parked of these."""

    objects: list[Corrected]
    deliveries: list[Compared]


class _Telling(NamedTuple):
    """Who tells a key. `said` is None where only the fact is known that it was told."""

    authority: Authority
    received_at: datetime
    delivery_id: str
    said: Observation | None

    @property
    def precedence(self) -> Precedence:
        return precedence(self.authority, self.received_at, self.delivery_id)


async def plan(
    connection: Connection,
    deliveries: Sequence[Compared],
    rows: Mapping[ObjectKey, StoredObject],
    holds: Collection[str] = (),
) -> Planned:
    """Say what to correct; `rows` has every object that one of the deliveries touches.

    `holds` are the sources whose uncorroborated money is not told.

    A delivery is corrected whole or not at all: one that would leave an object without a state is
    not, nor is anything else that it says, or money that moves to another object would stand twice.
    """
    numbers = [row.id for row in rows.values()]
    known = await observations_of(connection, numbers)
    repeats = await repeats_of(connection, numbers)
    differing = [each for each in deliveries if each.differs]
    left: set[ObjectKey] = set()
    while True:
        planned = _planned(differing, rows, known, repeats, holds)
        stuck = {each.before.key for each in planned.objects if each.left}
        held = [each for each in differing if stuck & each.touched]
        if not held:
            break
        left |= {key for each in held for key in each.touched}
        differing = [each for each in differing if not stuck & each.touched]
    for each in planned.objects:
        each.left = each.before.key in left
    return planned


def _planned(
    differing: Sequence[Compared],
    rows: Mapping[ObjectKey, StoredObject],
    known: Mapping[int, Mapping[str, Observation]],
    repeats: Mapping[int, Mapping[str, Sequence[Repeat]]],
    holds: Collection[str],
) -> Planned:
    again = {each.outcome.delivery_id for each in differing}
    told: dict[ObjectKey, list[Observation]] = defaultdict(list)
    for each in differing:
        for place, said in each.told.items():
            told[place.of].append(said)
    corrected = [
        _judged(
            *_said_anew(rows[key], known[rows[key].id], repeats[rows[key].id], told[key], again),
            holds,
        )
        for key in sorted(rows)
    ]
    return Planned(corrected, list(differing))


def _said_anew(
    row: StoredObject,
    known: Mapping[str, Observation],
    repeats: Mapping[str, Sequence[Repeat]],
    told: Sequence[Observation],
    again: set[str],
) -> tuple[Corrected, dict[str, Observation]]:
    """Return what changes of what was said of an object, and all that is said of it then."""
    found = Corrected(row)
    after = dict(known)
    for key in sorted(_affected(known, repeats, told, again)):
        now = _first_and_later(key, known.get(key), repeats.get(key, ()), told, again)
        if now == (known.get(key), _ids(repeats.get(key, ()))):
            continue
        first, later = now
        found.gone.append(key)
        after.pop(key, None)
        if first is not None:
            after[key] = first
            found.told.append(first)
            found.repeats += [Repeat(row.id, key, number, at) for at, number in later]
    return found, after


def _judged(
    found: Corrected, after: Mapping[str, Observation], holds: Collection[str]
) -> Corrected:
    """Fold what is left; an object that was told of and would lose its state stays as it is.

    What is held already stays so, whatever the sources file says today.
    """
    row = found.before
    folded = fold(Kind(row.kind), after.values()) if after else None
    if row.state is not None and (folded is None or folded.state is None):
        return Corrected(row, left=True)
    if folded is not None:
        found.names = folded.aliases
        found.change = change_of(row, folded, (row.source,) if row.held else holds)
    elif found.gone:
        found.change = Change(row.blank(), news=False)
    return found


def _affected(
    known: Mapping[str, Observation],
    repeats: Mapping[str, Sequence[Repeat]],
    told: Sequence[Observation],
    again: set[str],
) -> set[str]:
    return (
        {said.key for said in told}
        | {key for key, said in known.items() if said.delivery_id in again}
        | {key for key, found in repeats.items() if any(r.delivery_id in again for r in found)}
    )


def _first_and_later(
    key: str,
    stands: Observation | None,
    repeats: Sequence[Repeat],
    told: Sequence[Observation],
    again: set[str],
) -> tuple[Observation | None, list[tuple[datetime, str]]]:
    """Return who tells a key so that it stands, with what it says, and (receipt, delivery) of the others.

    A delivery outside the range that repeated the key is a teller, though only its name is on
    record: it said what the others say.
    """
    now = [said for said in told if said.key == key]
    tellers = [_telling(said) for said in now]
    if stands is not None and stands.delivery_id not in again:
        tellers.append(_telling(stands))
    tellers += [
        _Telling(r.authority, r.received_at, r.delivery_id, None)
        for r in repeats
        if r.delivery_id not in again
    ]
    if not tellers:
        return None, []
    first, *later = sorted(tellers, key=lambda t: t.precedence)
    said = first.said
    if said is None:
        content = min(now, key=lambda s: s.precedence) if now else stands
        if content is None:
            return None, []
        said = replace(
            content,
            authority=first.authority,
            received_at=first.received_at,
            delivery_id=first.delivery_id,
        )
    return said, sorted((each.received_at, each.delivery_id) for each in later)


def _telling(said: Observation) -> _Telling:
    return _Telling(said.authority, said.received_at, said.delivery_id, said)


def _ids(repeats: Iterable[Repeat]) -> list[tuple[datetime, str]]:
    return sorted((r.received_at, r.delivery_id) for r in repeats)


async def carry_out(connection: Connection, planned: Planned) -> None:
    """Write it: what is parked; then observations, repeats, names, rows, events."""
    objects = [each for each in planned.objects if each.gone]
    gone = [(each.before.id, key) for each in objects for key in each.gone]
    await remove_told(connection, gone, [each.before.id for each in objects])
    before = [row for each in planned.deliveries for row in each.standing.parked]
    await unpark(
        connection, [row.id for each in planned.deliveries for row in each.no_longer_parked]
    )
    await park_again(
        connection, [new for each in planned.deliveries for new in each.newly_parked], before
    )
    writes = Writes()
    update_objects(writes, [each.change.row if each.change else each.before for each in objects])
    add_observations(writes, [(o.before.id, said) for o in objects for said in o.told])
    add_names(writes, {each.before.id: each.names for each in objects})
    add_repeats(writes, [repeat for each in objects for repeat in each.repeats])
    changes = [each.change for each in objects if each.change is not None]
    add_to_outbox(writes, [outbox_row(each.row) for each in changes if each.news])
    record_pokes(writes, [each.outcome for each in planned.deliveries])
    await writes.execute(connection)
