"""Safe2Pay (Brazil): transaction webhooks, online and POS. See README.md."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.providers.asking import is_polled
from libs.providers.port import RECEIVED, Answer, Provider, Terms
from libs.providers.safe2pay import polled
from libs.providers.safe2pay.mapping import translate
from libs.providers.safe2pay.personal import PERSONAL

__all__ = ["PROVIDER"]


class _Safe2Pay:
    slug: Final = "safe2pay"
    documented_path: Final = None
    # Whoever sees one notice could forge all later ones.
    secret_body_fields: Final[tuple[str, ...]] = ("SecretKey",)
    personal_fields: Final = PERSONAL

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        if is_polled(delivery):
            return polled.translate(delivery, terms)
        return translate(delivery, terms)

    def acknowledge(self, delivery: Delivery) -> Answer:
        """Answer 200 without a body: any 2xx counts, the body is not read."""
        del delivery
        return RECEIVED


PROVIDER: Final[Provider] = _Safe2Pay()
