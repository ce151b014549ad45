"""What became of deliveries: the dedupe ledger, the outcomes, the parked, and the pokes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from libs.contracts.observation_json import observation_json
from libs.contracts.readings import ParkReason, Poke, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.store.database import Connection, Pool, session
from libs.store.objects import StoredObject
from libs.store.queries import query
from libs.store.together import Writes

WHOLE: Final = -1  # the ordinal of a delivery that is parked whole, for no reading of its own


@dataclass(frozen=True, slots=True)
class Parked:
    """A reading that was put aside. `waiting` is an observation whose object is not known yet."""

    outcome: Translated
    ordinal: int
    why: Unknown
    waiting: Observation | None = None


def record_outcomes(
    writes: Writes,
    outcomes: Sequence[Translated],
    names: Mapping[str, bytes],
    known: Mapping[bytes, str],
) -> None:
    """Enter deliveries in the ledger, under their names, and record what became of each.

    `known` has the first delivery of each name that the ledger has; where it has one more by now,
    the whole is stale.
    """
    entries: dict[bytes, tuple[bytes, str, datetime]] = {}
    for outcome in sorted(outcomes, key=lambda o: (o.received_at, o.delivery_id)):
        name = names[outcome.delivery_id]
        if name not in known:
            entries.setdefault(name, (name, outcome.delivery_id, outcome.received_at))
    writes.add("enter_in_ledger", [entries[name] for name in sorted(entries)], whole=True)
    first = {**known, **{name: entry[1] for name, entry in entries.items()}}
    told = {  # a replay says what became of the delivery that it repeats, where nothing else has
        o.evidence: (o.evidence, o.received_at, o.source, _outcome(o), None) for o in outcomes
    } | {
        o.delivery_id: (
            o.delivery_id,
            o.received_at,
            o.source,
            _outcome(o),
            None if first[names[o.delivery_id]] == o.delivery_id else first[names[o.delivery_id]],
        )
        for o in outcomes
    }
    # in order of the key, as everywhere: two batches may share deliveries
    writes.add("add_translations", [told[key] for key in sorted(told)])


def record_failed(writes: Writes, outcome: Translated) -> None:
    """Record that a delivery was parked whole; it is the first of its name for nobody."""
    named = sorted({outcome.delivery_id, outcome.evidence})
    rows = [(each, outcome.received_at, outcome.source, "parked", None) for each in named]
    writes.add("add_translations", rows)


def park(writes: Writes, parked: Sequence[Parked]) -> None:
    """Put readings aside with the reason and the raw body; a repeat of the same changes nothing."""
    rows = [
        (
            p.outcome.evidence,
            p.ordinal,
            p.outcome.source,
            p.outcome.provider,
            p.outcome.origin.value,
            p.why.reason.value,
            p.why.field,
            p.why.value,
            p.why.detail,
            p.outcome.received_at,
            p.outcome.body,
            None if p.waiting is None else observation_json(p.waiting).decode(),
            p.why.attempts,
        )
        for p in sorted(parked, key=lambda p: (p.outcome.delivery_id, p.ordinal))
    ]
    writes.add("park", rows)


def record_pokes(
    writes: Writes,
    outcomes: Sequence[Translated],
    doubtful: Sequence[tuple[StoredObject, str]] = (),
) -> None:
    """Record requests to ask the provider; many pokes of one object are one row.

    `doubtful` are objects that are to be asked about for a flag, as they are now.
    """
    asked: dict[tuple[str, str, str], tuple[Any, ...]] = {
        row.key: (*row.key, row.provider, flag, row.received_at, row.received_at)
        for row, flag in doubtful
    }
    poking = [o for o in outcomes if any(isinstance(reading, Poke) for reading in o.readings)]
    for outcome in sorted(poking, key=lambda o: o.received_at):
        for reading in outcome.readings:
            if isinstance(reading, Poke):
                key = (outcome.source, reading.kind.value, reading.provider_ref)
                first_at = asked[key][5] if key in asked else outcome.received_at
                asked[key] = (*key, outcome.provider, reading.why, first_at, outcome.received_at)
    writes.add("add_pokes", [asked[key] for key in sorted(asked)])


def ledger_name(outcome: Translated) -> bytes:
    """Return what the ledger calls a delivery: those of one name are the same one, sent again."""
    return hashlib.sha256(f"{outcome.source}\n{outcome.identity}".encode()).digest()


def _outcome(outcome: Translated) -> str:
    kinds = {type(reading) for reading in outcome.readings}
    if Observation in kinds:
        return "observed"
    if Unknown in kinds:
        return "parked"
    return "poked" if Poke in kinds else "ignored"


@dataclass(frozen=True, slots=True)
class Found:
    """A waiting observation whose object is known by now."""

    id: int
    source: str
    kind: str
    provider: str
    provider_ref: str
    reading: str


async def observations_wait(pool: Pool) -> bool:
    """Whether there is any that waits for its object."""
    async with session(pool) as connection:
        return bool(await connection.fetchval(query("observations_wait")))


async def found_after_waiting(connection: Connection) -> list[Found]:
    """Return, locked, up to 100 waiting observations whose object is known by now."""
    rows = await connection.fetch(query("found_after_waiting"))
    return [
        Found(
            row["id"],
            row["source"],
            row["kind"],
            row["provider"],
            row["provider_ref"],
            row["reading"],
        )
        for row in rows
    ]


async def give_up_waiting(connection: Connection, parked_id: int, detail: str) -> None:
    """Keep it parked, as failed: it no longer waits for its object."""
    await connection.execute(query("give_up_waiting"), parked_id, ParkReason.FAILED.value, detail)


async def unpark(connection: Connection, parked_ids: Sequence[int]) -> None:
    """Take parked readings off the list."""
    if parked_ids:
        await connection.execute(query("unpark"), parked_ids)
