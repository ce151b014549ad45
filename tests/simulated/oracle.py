"""What must be true once everything is healed and quiet; each breach is a line of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import orjson

from libs.bus.topology import DEAD_QUEUE, EVENTS_QUEUE
from libs.contracts.event import Event
from libs.contracts.webhook_translated import OBSERVATION
from libs.domain.fold import fold
from libs.domain.lifecycle import Flag, Kind
from libs.providers.registry import PROVIDERS
from libs.store.memory import Database, MemoryPool
from libs.store.memory.row import Record
from libs.store.memory.schema import Row
from libs.store.objects import StoredObject, stored
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator
from services.reconciler.apply import apply
from services.reconciler.change import change_of, event_data
from services.reconciler.waiting import fold_in_waiting
from tests.integration.store.memory_rooms import view
from tests.simulated.house import House
from tests.simulated.providers import Providers

# Where each view differs by the order of arrival, and may: how often it changed, who was first.
_BY_ORDER = {
    "objects": {6, 22},
    "translations": {4},
    "ledger": {1, 2},
    "pokes": {4},
    "parked": set(),
}
# An object that was in doubt on its way, in one order of arrival and not in another.
_IN_DOUBT = {Flag.VERIFY.value, Flag.UNCORROBORATED.value}
_COMPARED = (
    "objects",
    "observations",
    "repeats",
    "aliases",
    "parked",
    "translations",
    "ledger",
    "pokes",
)


class Oracle:
    """Looks at everything of one house."""

    def __init__(self, house: House, providers: Providers) -> None:
        self._house = house
        self._providers = providers
        self._tables = house.database.tables

    async def breaches(self) -> list[str]:
        """Return what is wrong."""
        found = [*self._house.complaints, *self._house.broker.complaints]
        found += self._archive()
        found += self._left_over()
        found += self._folds()
        found += self._ends()
        found += self._events()
        found += await self._differences()
        return found

    def _archive(self) -> Iterator[str]:
        sent = self._providers.sent
        filed = {str(row["id"]): row for row in self._tables["deliveries"].values()}
        translated = {str(row["delivery_id"]) for row in self._tables["translations"].values()}
        for number in sorted(sent.accepted.keys() - filed.keys()):
            yield f"lost: {number} was accepted and is not in the archive"
        for number in sorted(sent.accepted.keys() - translated):
            yield f"lost: {number} was accepted and was not translated"
        for number, row in filed.items():
            made = sent.made.get(number)
            if made is None or made.body != row["body"] or made.received_at != row["received_at"]:
                yield f"invented: {number} was never sent so"
            if number not in translated:
                yield f"lost: {number} is in the archive and was not translated"
        if translated - filed.keys():
            yield f"translated and not in the archive: {translated - filed.keys()}"

    def _left_over(self) -> Iterator[str]:
        for name, count in self._house.broker.waiting():
            if count and name != EVENTS_QUEUE:
                yield f"{count} messages in {name}"
        if self._house.broker.shelves[DEAD_QUEUE].ready:
            yield "a dead letter"
        if self._tables["outbox"]:
            yield f"{len(self._tables['outbox'])} events in the outbox"
        if self._house.database.holders:
            yield f"locks are held: {self._house.database.holders}"

    def _folds(self) -> Iterator[str]:
        """Compare each row with the fold of its own observations."""
        for row in self._objects():
            said = [
                OBSERVATION.validate_json(each["content"])
                for each in self._tables["observations"].values()
                if each["object_id"] == row.id
            ]
            change = change_of(row, fold(Kind(row.kind), said))
            if change is not None:
                yield f"{row.key} is not the fold of its observations: {change}"

    def _ends(self) -> Iterator[str]:
        """Compare with what the generator knows, which has never seen our fold."""
        known = {row.key: row for row in self._objects()}
        for webhook in self._providers.webhooks:
            if webhook.lived is None:
                continue
            ends = webhook.lived.ends
            key = (webhook.source, ends.kind, ends.ref)
            row = known.get(key)  # type: ignore[call-overload] # a tuple equals a named one
            if row is None:
                yield f"{key} is not there"
                continue
            if row.state != ends.state:
                yield f"{key} is {row.state}, not {ends.state}"
            if ends.amount is not None and (row.amount, row.currency) != (
                ends.amount,
                ends.currency,
            ):
                yield f"{key} has {row.amount} {row.currency}, not {ends.amount} {ends.currency}"
            if ends.refunded is not None and (row.refunded_amount or 0) != ends.refunded:
                yield f"{key} gave back {row.refunded_amount}, not {ends.refunded}"

    def _events(self) -> Iterator[str]:
        """Judge the events in the order in which the broker first took each."""
        bodies: dict[str, bytes] = {}
        told: dict[tuple[str, str, str], list[Event]] = {}
        for message in self._house.broker.shelves[EVENTS_QUEUE].ready:
            event = Event.model_validate(orjson.loads(message.body))
            if bodies.setdefault(event.id, message.body) != message.body:
                yield f"event {event.id} was told in two ways"
            key = (event.data.source, event.data.kind.value, event.data.provider_ref)
            seen = told.setdefault(key, [])
            if event.id not in {each.id for each in seen}:
                seen.append(event)
        for row in self._objects():
            seen = told.pop(row.key, [])
            if [each.sequence for each in seen] != list(range(1, row.sequence + 1)):
                yield f"{row.key} told {[each.sequence for each in seen]}, not 1..{row.sequence}"
            elif seen and not _same(seen[-1], row):
                yield f"{row.key} is not what its last event says"
        if told:
            yield f"events of objects that are not there: {set(told)}"

    async def _differences(self) -> list[str]:
        """Compare with a run without faults of the same deliveries, in the order of receipt."""
        again = MemoryPool(Database(self._house.now))
        translator = Translator(PROVIDERS, terms_of(self._house.sources))
        translated = [
            self._providers.sent.made[str(row["delivery_id"])]
            for row in self._tables["translations"].values()
        ]
        said = [
            translator.outcome_of(each) for each in sorted(translated, key=lambda each: each.id)
        ]
        await apply(again, said)  # type: ignore[arg-type] # the fake
        while await fold_in_waiting(again):  # type: ignore[arg-type] # the fake
            pass
        here = MemoryPool(self._house.database)
        return [
            f"{name} differ: {sorted(map(str, one ^ other))}"
            for name in _COMPARED
            if (one := _comparable(here, name)) != (other := _comparable(again, name))
        ]

    def _objects(self) -> list[StoredObject]:
        return [_stored(row) for row in self._tables["objects"].values()]


def _comparable(pool: MemoryPool, name: str) -> set[tuple[str, ...]]:
    left_out = _BY_ORDER.get(name, set())
    return {
        tuple(repr(value) for place, value in enumerate(row) if place not in left_out)
        for row in view(pool, name)
        if name != "pokes" or row[4] not in _IN_DOUBT
    }


def _stored(row: Row) -> StoredObject:
    return stored(Record(row))  # type: ignore[arg-type] # reads like asyncpg's


def _same(event: Event, row: StoredObject) -> bool:
    """Compare; a repeat that turns out to have been received earlier moves times without an event."""
    told = event.data
    if row.received_at is not None and (row.received_at, row.delivery_id or "") < (
        told.received_at,
        told.delivery_id,
    ):
        row = replace(
            row,
            delivery_id=told.delivery_id,
            received_at=told.received_at,
            occurred_at=told.occurred_at,
        )
    return told == event_data(row)
