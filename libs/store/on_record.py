"""What a batch is folded onto, read in one question and as of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.contracts.observation_json import observation_of
from libs.domain.observation import Observation
from libs.store.database import Connection, columns_of
from libs.store.objects import ObjectKey, StoredObject, stored
from libs.store.queries import query

_NOTHING = ("{}",) * 3


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is known of a batch.

    Deliveries by id: `told` are those of which it is on record what became of them, `filed` those
    whose bytes are on file. `first` has the first delivery of each name in the ledger. Objects by
    key: `rows` are those that there are, with their observations by key in `said`, and `numbers` is
    what to call those that there are not. Of `crowds` too much was said to be read here.
    """

    told: frozenset[str]
    filed: frozenset[str]
    first: Mapping[bytes, str]
    rows: Mapping[ObjectKey, StoredObject]
    said: Mapping[ObjectKey, dict[str, Observation]]
    numbers: Mapping[ObjectKey, int]
    crowds: frozenset[ObjectKey] = frozenset()


async def batch_on_record(
    connection: Connection,
    deliveries: Sequence[tuple[str, datetime, str]],
    names: Sequence[bytes],
    keys: Iterable[ObjectKey],
    *,
    most: int,
) -> OnRecord:
    """Look up deliveries (id, receipt, source), names of the ledger, and objects.

    Of an object with more than `most` observations none are read: a batch would carry them all
    to and fro, and be folded no better.
    """
    asked = "batch_on_record"
    wanted = sorted(keys)  # so are their numbers
    head, *found = await connection.fetch(
        query(asked),
        *_columns(asked, deliveries, first=0),
        names,
        *_columns(asked, wanted, first=4),
        most,
    )
    rows: dict[ObjectKey, StoredObject] = {}
    said: dict[ObjectKey, dict[str, Observation]] = {}
    numbers: dict[ObjectKey, int] = {}
    crowds: set[ObjectKey] = set()
    for key, row in zip(wanted, found, strict=True):
        if row["version"] is None:
            numbers[key] = row["id"]
            continue
        rows[key] = stored(row)
        if row["crowd"]:
            crowds.add(key)
        said[key] = {
            name: observation_of(content)
            for name, content in zip(row["keys"] or (), row["contents"] or (), strict=True)
        }
    return OnRecord(
        told=frozenset(map(str, head["told"])),
        filed=frozenset(map(str, head["filed"])),
        first=dict(zip(head["names"], map(str, head["firsts"]), strict=True)),
        rows=rows,
        said=said,
        numbers=numbers,
        crowds=frozenset(crowds),
    )


def _columns(asked: str, rows: Sequence[tuple[object, ...]], *, first: int) -> Iterable[object]:
    return columns_of(asked, rows, first) if rows else _NOTHING
