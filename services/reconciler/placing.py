"""Which object an observation is about, where it names it only by the merchant's reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from libs.contracts.readings import ParkReason, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.store.corrections import Standing, standing_of
from libs.store.database import Connection
from libs.store.objects import refs_by_merchant_ref


@dataclass(frozen=True, slots=True)
class Places:
    """The objects by merchant's references, and what stands under deliveries that come again."""

    refs: Mapping[tuple[str, str, str], str]
    standing: Mapping[str, Standing]

    def ref_of(self, outcome: Translated, said: Observation) -> str | None:
        """Return the provider's reference of the object: where it stands, it stays."""
        if said.provider_ref is not None:
            return said.provider_ref
        kind = said.kind.value
        if (stands := self.standing.get(outcome.evidence)) is not None:
            for place in (*stands.said, *stands.repeated):
                if (place.of.source, place.of.kind, place.key) == (outcome.source, kind, said.key):
                    return place.of.provider_ref
        return self.refs.get((outcome.source, kind, said.merchant_ref or ""))


async def places_of(
    connection: Connection,
    outcomes: Sequence[Translated],
    standing: Mapping[str, Standing] | None = None,
) -> Places:
    """Look up what placing these outcomes takes; what stands under replays, unless it is told."""
    nameless = list(_nameless(outcomes))
    refs = await refs_by_merchant_ref(
        connection,
        {
            (outcome.source, said.kind.value, said.merchant_ref)
            for outcome, said in nameless
            if said.merchant_ref is not None
        },
    )
    if standing is None:
        again = {outcome.evidence for outcome, _ in nameless if outcome.replay_of is not None}
        standing = await standing_of(connection, sorted(again)) if again else {}
    return Places(refs, standing)


def _nameless(outcomes: Sequence[Translated]) -> Iterator[tuple[Translated, Observation]]:
    for outcome in outcomes:
        for reading in outcome.readings:
            if isinstance(reading, Observation) and reading.provider_ref is None:
                yield outcome, reading


def not_found(said: Observation) -> Unknown:
    """Say why an observation waits for its object."""
    return Unknown(
        reason=ParkReason.OBJECT_NOT_FOUND,
        detail="names its object only by the merchant's reference, which no object has yet, or several have",
        value=said.merchant_ref,
    )
