"""Observations that arrive one by one at an object, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from libs.contracts.event import Event, event_of
from libs.domain.fold import fold
from libs.domain.lifecycle import Kind
from libs.domain.observation import Observation
from libs.store.objects import StoredObject
from services.reconciler.change import Change, change_of, event_data

_AT_FIRST = {"livemode": True, "sequence": 0, "attempts": 0, "flags": []}


def blank(kind: Kind = Kind.PAYMENT, ref: str = "ref-1") -> StoredObject:
    """Return the row of an object of which nothing is known."""
    named = {"id": 1, "source": "clip-mx", "provider": "clip", "kind": kind, "provider_ref": ref}
    nothing = {field.name: None for field in fields(StoredObject)}
    return StoredObject(**(nothing | named | _AT_FIRST))  # type: ignore[arg-type] # by name


def arrive(kind: Kind, said: Iterable[Observation]) -> tuple[StoredObject, list[Change]]:
    """Return the row at the end, and the changes on the way."""
    row, changes = blank(kind), []
    told: list[Observation] = []
    for observation in said:
        told.append(observation)
        change = change_of(row, fold(kind, told))
        if change is not None:
            changes.append(change)
            row = change.row
    return row, changes


def events(changes: Sequence[Change]) -> list[Event]:
    return [event_of(event_data(c.row), c.row.sequence) for c in changes if c.news]
