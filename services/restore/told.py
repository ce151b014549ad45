"""What consumers were told of each object last, out of the copy of the events."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from libs.bus.message import Message
from libs.store.objects import ObjectKey, StoredObject
from services.reconciler.event_json import event_json


@dataclass(frozen=True, slots=True)
class Told:
    """The last event of an object. `digest` is of what it said, but for the state before.

    `delivery` is the one that decided it; `earlier` are those of the events before, as far as the copy has
    them.
    """

    sequence: int
    provider: str
    state: str
    previous_state: str | None
    delivery: UUID
    digest: bytes
    earlier: frozenset[UUID] = frozenset()


class ToldBook:
    """The last event of each object; some 600 bytes for one, and 100 for each event before."""

    def __init__(self) -> None:
        self.last: dict[ObjectKey, Told] = {}
        self.unreadable = 0

    async def enter(self, messages: Sequence[Message]) -> bool:
        """Enter events, in any order and however often."""
        for message in messages:
            try:
                event = orjson.loads(message.body)
                data, sequence = event["data"], event["sequence"]
                key = ObjectKey(data["source"], data["kind"], data["provider_ref"])
                told = Told(
                    sequence, data["provider"], data["state"], data["previous_state"],
                    UUID(data["delivery_id"]), _digest(data),
                )  # fmt: skip
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
                self.unreadable += 1
                continue
            known = self.last.get(key)
            if known is None:
                self.last[key] = told
                continue
            last = told if known.sequence < sequence else known
            named = known.earlier | {known.delivery, told.delivery}
            self.last[key] = replace(last, earlier=named - {last.delivery})
        return True


def says_the_same(row: StoredObject, told: Told) -> bool:
    """Whether consumers know of an object what its row says."""
    return _digest(orjson.loads(event_json(row))["data"]) == told.digest


def _digest(data: dict[str, Any]) -> bytes:
    said = {name: value for name, value in data.items() if name != "previous_state"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()
