"""Objects that were told of, as they go on behind the last event that was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from libs.domain.lifecycle import Flag
from libs.store.database import Connection
from libs.store.objects import (
    ObjectKey,
    OutboxRow,
    StoredObject,
    add_to_outbox,
    lock_objects,
    make_objects,
    update_objects,
)
from libs.store.restoring import forget_events_of, told_and_not_known
from libs.store.together import Writes
from services.reconciler.change import outbox_row
from services.restore.told import Told, says_the_same


@dataclass(slots=True)
class Settled:
    """What became of the objects that were told of.

    `unknown` are those of whose state nobody knows anything any more. Of those that are `behind` less is
    known than was told: a delivery that an event names is missing. `corrected` are told anew.
    """

    renumbered: int = 0
    corrected: int = 0
    unknown: list[ObjectKey] = field(default_factory=list)
    behind: list[ObjectKey] = field(default_factory=list)


async def settle(connection: Connection, told: Mapping[ObjectKey, Told], found: Settled) -> None:
    """Have rows go on behind what was told last of them; inside a transaction.

    Objects that are not there are made, with nothing said of them but the number: what comes then
    is told under the next one.
    """
    rows = await lock_objects(connection, told)
    lost = told.keys() - rows.keys()
    await make_objects(connection, {key: told[key].provider for key in lost})
    rows |= await lock_objects(connection, lost)
    named: list[tuple[int, UUID, bool]] = []
    for key, last in told.items():
        named.append((rows[key].id, last.delivery, True))
        named += [(rows[key].id, each, False) for each in last.earlier]
    incomplete = await told_and_not_known(connection, named)
    changed: list[StoredObject] = []
    events: list[OutboxRow] = []
    for key, last in told.items():
        row = rows[key]
        known = row.id not in incomplete
        if row.state is None:
            found.unknown.append(key)
        elif not known:
            found.behind.append(key)
        now, news = settled(row, last, known=known)
        if news:
            found.corrected += 1
            events.append(outbox_row(now))
        if now != row:
            found.renumbered += now.sequence != row.sequence
            changed.append(now)
    writes = Writes()
    update_objects(writes, changed)
    add_to_outbox(writes, events)
    await forget_events_of(connection, [row.id for row in rows.values()])
    await writes.execute(connection)


def settled(row: StoredObject, last: Told, *, known: bool) -> tuple[StoredObject, bool]:
    """Return a row as it goes on behind the last event that was told, and whether there is news.

    A difference is news only where all that was told is `known`: else the row says what was so
    before, and is held until something comes that moves it. What was told last stands before that.
    """
    if row.state is not None and says_the_same(row, last):
        before = last.previous_state
        return replace(row, sequence=last.sequence, previous_state=before, held=False), False
    waits = row.held and Flag.UNCORROBORATED.value in row.flags
    if row.state is None or not known or waits:
        return replace(row, sequence=last.sequence, previous_state=last.state, held=True), False
    return (
        replace(row, sequence=last.sequence + 1, previous_state=last.state, held=False),
        True,
    )
