"""What every provider is to the rest of Caudal: a few facts and two pure functions over one delivery.

Pure: no clock, no network, no database. Whatever a function needs is in the `Delivery` or in the
`Terms` of its source. Unknown is a value (`Unknown`), never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.domain.observation import Observation
from libs.personal.datum import PersonalFields


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the sources file may say about one source; None means the provider's default.

    `aliases` maps a provider's word, as it may arrive, to the word that the mapping knows.
    """

    currency: str | None = None
    timezone: str | None = None
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider is told. A status of 400 or more means: not accepted, nothing was kept."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


RECEIVED: Final = Answer()
"""200 and nothing else, which is what most providers take for success."""


class Provider(Protocol):
    """One provider. The registry holds one instance of each."""

    @property
    def slug(self) -> str:
        """Name in the sources file and in events: `clip`."""

    @property
    def documented_path(self) -> str | None:
        """The receiver's path that the provider's document prescribes, if it does."""

    @property
    def secret_body_fields(self) -> tuple[str, ...]:
        """Body fields that are credentials: taken out at any depth, whatever a source's settings."""

    @property
    def personal_fields(self) -> PersonalFields:
        """Body fields that hold personal data. Of a card's number no more than the mask is kept."""

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        """Say what the delivery means: one or more readings, never none, never an exception."""

    def acknowledge(self, delivery: Delivery) -> Answer:
        """Return what this provider calls success, or a 400 for a body it may not send."""


def identity_of(delivery: Delivery, readings: tuple[Reading, ...]) -> str:
    """Name a delivery the same however often it is repeated.

    The keys of its observations where it has any; else the SHA-256 of its body.
    """
    keys = [
        f"{reading.kind}/{reading.provider_ref or reading.merchant_ref}/{reading.key}"
        for reading in readings
        if isinstance(reading, Observation)
    ]
    return "\n".join(sorted(keys)) if keys else f"body:{delivery.sha256}"
