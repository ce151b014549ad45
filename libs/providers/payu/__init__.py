"""PayU Latam, Payouts API (Colombia): notifications about payouts. See README.md."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.providers.payu.mapping import translate
from libs.providers.port import RECEIVED, Answer, Provider, Terms

__all__ = ["PROVIDER"]


class _PayU:
    slug: Final = "payu"
    documented_path: Final = None
    secret_body_fields: Final[tuple[str, ...]] = ()

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        return translate(delivery, terms)

    def acknowledge(self, delivery: Delivery) -> Answer:
        """Answer 200 without a body: PayU asks for a plain 200 and no HTML."""
        del delivery
        return RECEIVED


PROVIDER: Final[Provider] = _PayU()
