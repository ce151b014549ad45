"""Mobbex as the rest of Caudal sees it."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.providers.mobbex import translation
from libs.providers.mobbex.personal import PERSONAL
from libs.providers.port import RECEIVED, Answer, Terms


class Mobbex:
    """The port for Mobbex. No path, no signature and no answer are documented."""

    slug = "mobbex"
    documented_path = None
    secret_body_fields: tuple[str, ...] = ()
    personal_fields = PERSONAL

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        return translation.translate(delivery, terms)

    def acknowledge(self, delivery: Delivery) -> Answer:  # noqa: ARG002 - the port's signature
        """Any 200 is success; anything else is believed to bring a resend."""
        return RECEIVED


PROVIDER: Final = Mobbex()
