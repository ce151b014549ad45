"""One delivery to its outcome: an odd value is parked, and only a bug is raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from libs.contracts import webhook_translated
from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Poke, Reading, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.providers.port import Provider, Terms, identity_of
from libs.runtime.failures import PermanentError
from services.normalizer.discretion import discreet

# Longer than any identifier of any provider; the database's keys have a limit too.
REFERENCE_LIMIT: Final = 200
KEY_LIMIT: Final = 600

_NO_TERMS: Final = Terms()


@dataclass(frozen=True, slots=True)
class Translator:
    """The providers, and what the sources file says about each source."""

    providers: Mapping[str, Provider]
    terms: Mapping[str, Terms]

    def outcome_of(self, delivery: Delivery) -> Translated:
        """Say what the delivery means. Raises whatever goes wrong in our own code."""
        readings = self.readings_of(delivery)
        return webhook_translated.of(delivery, _identity(delivery, readings), readings)

    def readings_of(self, delivery: Delivery) -> tuple[Reading, ...]:
        """Say the same without an outcome around it, the making of which is an eighth of the time."""
        return tuple([discreet(_bounded(reading)) for reading in self._readings(delivery)])

    def _readings(self, delivery: Delivery) -> tuple[Reading, ...]:
        provider = self.providers.get(delivery.provider)
        if provider is None:
            raise PermanentError(f"no provider is called {delivery.provider}")
        if delivery.replay_of is not None:  # what it says stands under the one that it repeats
            delivery = replace(delivery, id=delivery.evidence)
        found = provider.translate(delivery, self.terms.get(delivery.source, _NO_TERMS))
        if not found:
            raise PermanentError("the adapter said nothing")
        return found


def failure(delivery: Delivery, detail: str, attempts: int) -> Translated:
    """Give the outcome of a delivery on which our own code fails: parked, with the reason."""
    why = Unknown(reason=ParkReason.FAILED, detail=detail, attempts=attempts)
    return webhook_translated.of(delivery, _identity(delivery, ()), (why,))


def _identity(delivery: Delivery, readings: tuple[Reading, ...]) -> str:
    """Name a delivery for the ledger; a replay is no duplicate of what it repeats."""
    if delivery.replay_of is not None:
        return f"replay:{delivery.id}"
    return identity_of(delivery, readings)


def _bounded(reading: Reading) -> Reading:
    """Park what names an object or itself with an absurdly long text; drop such other names."""
    if not isinstance(reading, Observation | Poke):
        return reading
    said = reading if isinstance(reading, Observation) else None
    if _overlong(reading.provider_ref or "") or (said and len(said.key) > KEY_LIMIT):
        detail = f"an identifier of more than {REFERENCE_LIMIT} characters"
        return Unknown(reason=ParkReason.MALFORMED, detail=detail)
    if said and any(map(_overlong, said.aliases)):
        return replace(said, aliases=tuple(a for a in said.aliases if not _overlong(a)))
    return reading


def _overlong(name: str) -> bool:
    return len(name) > REFERENCE_LIMIT
