"""The events of a run: taken from its tap, kept in a file beside the ledger, and entered by object.

An event is put into the file before it leaves the queue, so that verifying may be interrupted and
repeated. The same event may come several times; what must not be is another one in its place, or
one that comes for the first time when a later one of its object was there already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from libs.bus.message import Message
from libs.contracts.event import EventData
from libs.store.objects import ObjectKey, StoredObject
from services.inspection.view import object_view

# What a row may take over from an earlier receipt without an event.
_RECEIPT: Final = frozenset({"received_at", "delivery_id", "occurred_at"})
_COMPARED: Final = tuple(name for name in EventData.model_fields if name not in _RECEIPT)
_CHANGE: Final = tuple(name for name in EventData.model_fields if name != "previous_state")


@dataclass(frozen=True, slots=True)
class Seen:
    """One event: digests of its body, of what it says beside the step before, and of the state."""

    id: str
    body: bytes
    change: bytes
    view: bytes


@dataclass(slots=True)
class EventBook:
    """Every event of the objects that are `wanted`, by object and sequence."""

    path: Path
    wanted: Container[ObjectKey]
    by_object: dict[ObjectKey, dict[int, Seen]] = field(default_factory=dict)
    repeated: int = 0
    altered: list[str] = field(default_factory=list)
    taken_twice: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    _ids: dict[str, tuple[ObjectKey, int]] = field(default_factory=dict)

    def load(self) -> None:
        """Enter what an earlier verification has taken from the tap."""
        if self.path.exists():
            with self.path.open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):  # a torn line is still in the queue
                        self._enter(line[:-1])

    def put_away(self, messages: Sequence[Message]) -> None:
        """Write events to the file, and enter them. Those of other runs are let go."""
        with self.path.open("ab") as file:
            for message in messages:
                if self._enter(message.body):
                    file.write(message.body + b"\n")

    @property
    def count(self) -> int:
        """The number of distinct events."""
        return len(self._ids)

    def _enter(self, body: bytes) -> bool:
        event = json.loads(body)
        data = event["data"]
        key = ObjectKey(data["source"], data["kind"], data["provider_ref"])
        if key not in self.wanted:
            return False
        sequence = int(event["sequence"])
        seen = Seen(event["id"], _digest(body), _part(data, _CHANGE), _part(data, _COMPARED))
        of_object = self.by_object.setdefault(key, {})
        last = next(reversed(of_object), 0)
        known = of_object.setdefault(sequence, seen)
        name = f"{_named(key)} #{sequence}"
        if known is seen and sequence < last:
            self.disordered.append(f"{name} came after #{last}")
        if known is not seen:
            self.repeated += 1
            if known.id != seen.id:
                self.taken_twice.append(f"{name} is {known.id} and {seen.id}")
            elif known.body != seen.body:
                self.altered.append(f"{name} came with two bodies")
        if self._ids.setdefault(seen.id, (key, sequence)) != (key, sequence):
            self.taken_twice.append(f"{name} has the id of another event, {seen.id}")
        return True


def view_of(row: StoredObject) -> bytes:
    """Return the digest that the last event of this row must have as `Seen.view`."""
    return _part(object_view(row), _COMPARED)


def _part(data: Mapping[str, Any], names: Sequence[str]) -> bytes:
    return _digest(json.dumps([data.get(name) for name in names]).encode())


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()[:16]


def _named(key: ObjectKey) -> str:
    return f"{key.source} {key.kind} {key.provider_ref}"
