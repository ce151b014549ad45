"""What archived deliveries say with today's mappings, beside what stands under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from libs.contracts.delivery import Delivery
from libs.contracts.observation_json import observation_json, observation_of
from libs.contracts.readings import Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.runtime.failures import where
from libs.store.corrections import Place, Standing, standing_of
from libs.store.database import Connection
from libs.store.objects import ObjectKey
from libs.store.outcomes import Parked
from libs.store.parked import Row
from services.normalizer.translate import Translator
from services.reconciler.placing import Places, not_found, places_of

Signature = tuple[int, str, str | None, str | None, Observation | None]

log = structlog.get_logger()


@dataclass(slots=True)
class Compared:
    """One delivery: what it says now, and what stands."""

    outcome: Translated
    standing: Standing
    told: dict[Place, Observation] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)

    @property
    def moved(self) -> set[Place]:
        """Where what it says now and what stands are not the same."""
        said, repeated = self.standing.said, self.standing.repeated
        gone = (said.keys() | repeated) - self.told.keys()
        new = {place for place in self.told if place not in said and place not in repeated}
        other = {place for place, was in said.items() if self.told.get(place, was) != was}
        return gone | new | other

    @property
    def touched(self) -> set[ObjectKey]:
        """The objects on which something would move."""
        return {place.of for place in self.moved}

    @property
    def no_longer_parked(self) -> list[Row]:
        """Parked rows that do not hold any more."""
        now = [_signature_of(each) for each in self.parked]
        return [row for row in self.standing.parked if _signature(row) not in now]

    @property
    def newly_parked(self) -> list[Parked]:
        """Readings that would be parked today and are not."""
        was = [_signature(row) for row in self.standing.parked]
        return [each for each in self.parked if _signature_of(each) not in was]

    @property
    def differs(self) -> bool:
        """Whether there is anything to correct."""
        return bool(self.moved or self.no_longer_parked or self.newly_parked)


def _signature(row: Row) -> Signature:
    waiting = None if row.reading is None else observation_of(row.reading)
    return row.ordinal, row.reason, row.field, row.value, waiting


def _signature_of(parked: Parked) -> Signature:
    why = parked.why
    return parked.ordinal, why.reason.value, why.field, why.value, parked.waiting


async def compare(
    connection: Connection, translator: Translator, deliveries: Sequence[Delivery]
) -> tuple[list[Compared], list[str]]:
    """Compare each delivery; also return the ids of those on which today's code fails.

    Where it fails nothing is corrected: what stands is the better knowledge.
    """
    outcomes: list[Translated] = []
    failed: list[str] = []
    if not deliveries:
        return [], []
    for delivery in deliveries:
        try:
            outcomes.append(_translated(translator, delivery))
        except Exception as error:  # noqa: BLE001 - a bug is reported with the delivery, the others go on
            log.error("translation_failed", delivery_id=delivery.id, at=where(error))  # noqa: TRY400
            failed.append(delivery.id)
    standing = await standing_of(connection, [outcome.delivery_id for outcome in outcomes])
    places = await places_of(connection, outcomes, standing)
    compared = [
        _placed(outcome, standing.get(outcome.delivery_id, Standing()), places)
        for outcome in outcomes
    ]
    return compared, failed


def _translated(translator: Translator, delivery: Delivery) -> Translated:
    """Translate, with observations exactly as they would be stored."""
    outcome = translator.outcome_of(delivery)
    return replace(
        outcome,
        readings=tuple(
            observation_of(observation_json(each)) if isinstance(each, Observation) else each
            for each in outcome.readings
        ),
    )


def _placed(outcome: Translated, standing: Standing, places: Places) -> Compared:
    found = Compared(outcome, standing)
    for ordinal, reading in enumerate(outcome.readings):
        if isinstance(reading, Unknown):
            found.parked.append(Parked(outcome, ordinal, reading))
        elif isinstance(reading, Observation):
            ref = places.ref_of(outcome, reading)
            if ref is None:
                found.parked.append(Parked(outcome, ordinal, not_found(reading), waiting=reading))
                continue
            place = Place(ObjectKey(outcome.source, reading.kind.value, ref), reading.key)
            found.told.setdefault(place, replace(reading, provider_ref=ref))
    return found
