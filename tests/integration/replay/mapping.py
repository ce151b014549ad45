"""A provider whose mapping the test writes, and deliveries that it translates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.personal.datum import NO_FIELDS, PersonalFields
from libs.providers.port import Answer, Terms
from libs.store.database import Pool
from services.normalizer.translate import Translator
from services.reconciler.apply import apply
from services.replay.archived import Range, Replayed, replay
from tests.unit.reconciler.telling import SOURCE, delivery_id, received

# All deliveries of the tests.
ALL = Range(received(0) - timedelta(days=1), received(100_000))


@dataclass(frozen=True)
class Mapped:
    """Says of each body what its table says; a body that is not there is unknown.

    `with_its_authority`: by the delivery's authority, as it is in truth, instead of the table's.
    """

    meanings: Mapping[bytes, Sequence[Reading]] = field(default_factory=dict)
    with_its_authority: bool = False
    slug: str = "clip"
    documented_path: str | None = None
    secret_body_fields: tuple[str, ...] = ()
    personal_fields: PersonalFields = field(default_factory=lambda: NO_FIELDS)

    def translate(self, delivery: Delivery, _terms: Terms) -> tuple[Reading, ...]:
        found = self.meanings.get(delivery.body)
        if found is None:
            return (unknown(delivery.body.decode()),)
        stamped = [_stamped(each, delivery) for each in found]
        if self.with_its_authority:
            stamped = [
                replace(each, authority=delivery.authority)
                if isinstance(each, Observation)
                else each
                for each in stamped
            ]
        return tuple(stamped)

    def acknowledge(self, _delivery: Delivery) -> Answer:
        return Answer()


def unknown(word: str) -> Unknown:
    return Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="a new word", field="word", value=word)


def _stamped(reading: Reading, delivery: Delivery) -> Reading:
    if not isinstance(reading, Observation):
        return reading
    return replace(reading, delivery_id=delivery.id, received_at=delivery.received_at)


def delivered(number: int, body: bytes) -> Delivery:
    return Delivery(
        id=delivery_id(number),
        source=SOURCE,
        provider="clip",
        body=body,
        received_at=received(number),
        authority=Authority.SECRET,
    )


def translator(mapped: Mapped) -> Translator:
    return Translator({"clip": mapped}, {})


async def take(pool: Pool, mapped: Mapped, *deliveries: Delivery) -> None:
    """Have deliveries translated, folded and filed."""
    outcomes = [translator(mapped).outcome_of(delivery) for delivery in deliveries]
    await apply(pool, outcomes)


async def again(
    pool: Pool,
    mapped: Mapped,
    wanted: Range = ALL,
    *,
    dry_run: bool = False,
    holds: Collection[str] = (),
) -> Replayed:
    """Replay with this mapping."""
    return await replay(
        pool, translator(mapped), wanted, lambda _: None, dry_run=dry_run, holds=holds
    )
