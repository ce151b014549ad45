"""Clip (Mexico): the Checkout webhook, and the answers of its API."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.providers.asking import is_polled
from libs.providers.clip import mapping, polled
from libs.providers.clip.personal import PERSONAL
from libs.providers.port import RECEIVED, Answer, Provider, Terms

__all__ = ["PROVIDER"]


class _Clip:
    slug: Final = "clip"
    documented_path: Final = None
    secret_body_fields: Final[tuple[str, ...]] = ()
    personal_fields: Final = PERSONAL

    def translate(
        self,
        delivery: Delivery,
        terms: Terms,  # noqa: ARG002 - the API tells the currency, and all times are UTC
    ) -> tuple[Reading, ...]:
        return polled.translate(delivery) if is_polled(delivery) else mapping.translate(delivery)

    def acknowledge(self, delivery: Delivery) -> Answer:  # noqa: ARG002 - the same for all
        """200 without a body: Clip documents neither, and integrators answer so."""
        return RECEIVED


PROVIDER: Final[Provider] = _Clip()
