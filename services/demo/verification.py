"""Whether what the demo shows is what must have come of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from libs.store.inspect import ParkedReading
from libs.store.objects import StoredObject
from services.demo.story import Chapter, Ends


@dataclass(frozen=True, slots=True)
class Check:
    """One claim, and what contradicts it (nothing, if it holds)."""

    claim: str
    wrong: tuple[str, ...]


def check_objects(chapters: Sequence[Chapter], rows: Iterable[StoredObject]) -> Check:
    """Every object of the story is there, in its state, with its amounts; and no other."""
    found = {(row.source, row.provider_ref): row for row in rows}
    wanted = {(chapter.source, ends.ref): ends for chapter in chapters for ends in chapter.ends}
    wrong = [f"{source} {ref} was not expected" for source, ref in found.keys() - wanted.keys()]
    for (source, ref), ends in wanted.items():
        row = found.get((source, ref))
        if row is None:
            wrong.append(f"{source} {ref} is missing")
        elif _seen(row) != _wanted(ends):
            wrong.append(f"{source} {ref} is {_seen(row)}, not {_wanted(ends)}")
    return Check(f"{len(wanted)} objects ended in the state that their history says", tuple(wrong))


def check_parked(chapters: Sequence[Chapter], parked: Iterable[ParkedReading]) -> Check:
    """Every unknown value is parked, and nothing else is."""
    found = Counter((each.source, each.field, each.value) for each in parked)
    wanted: Counter[tuple[str, str | None, str | None]] = Counter(
        (chapter.source, field, value) for chapter in chapters for field, value in chapter.parked
    )
    wrong = [f"not parked: {each}" for each in wanted - found]
    wrong += [f"parked: {each}" for each in found - wanted]
    return Check(f"{wanted.total()} unknown values are parked, and nothing else", tuple(wrong))


def check_sequences(events: Iterable[dict[str, Any]], rows: Iterable[StoredObject]) -> Check:
    """Compare: an object's events are numbered 1, 2, 3, … and end in its state."""
    by_object: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        by_object[event["data"]["source"], event["data"]["provider_ref"]].append(event)
    wrong = []
    total = 0
    for row in rows:
        told = by_object[row.source, row.provider_ref]
        total += len(told)
        if [event["sequence"] for event in told] != list(range(1, row.sequence + 1)):
            wrong.append(f"{row.provider_ref}: {[event['sequence'] for event in told]}")
        elif told and told[-1]["data"]["state"] != row.state:
            wrong.append(f"{row.provider_ref} ends in {told[-1]['data']['state']}")
    return Check(f"{total} events, in order for each object, without a gap", tuple(wrong))


def check_archive(accepted: int, counts: dict[str, int]) -> Check:
    """Everything that was answered 2xx is on file, and has its outcome."""
    wrong = [
        f"{counts[table]} in {table}"
        for table in ("deliveries", "translations")
        if counts[table] != accepted
    ]
    return Check(f"{accepted} accepted webhooks are in the archive", tuple(wrong))


def _seen(row: StoredObject) -> tuple[object, ...]:
    refunded = str(row.refunded_amount) if row.refunded_amount else None
    amount = None if row.amount is None else str(row.amount)
    return row.state, amount, refunded, tuple(row.flags)


def _wanted(ends: Ends) -> tuple[object, ...]:
    refunded = ends.refunded if ends.refunded and Decimal(ends.refunded) else None
    return ends.state, ends.amount, refunded, ends.flags
