"""Conectados (Chile): the webhooks of the API Retail."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.providers.conectados import acknowledgement, mapping
from libs.providers.conectados.personal import PERSONAL
from libs.providers.port import Answer, Provider, Terms

__all__ = ["PROVIDER"]


class _Conectados:
    slug: Final = "conectados"
    documented_path: Final = "/api/webhooks/retail-events"
    # `approval_sale_code` is a credential too, but it tells two approvals of one sale apart: it
    # stays in the archived body and never leaves it.
    secret_body_fields: Final[tuple[str, ...]] = ()
    personal_fields: Final = PERSONAL

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        return mapping.translate(delivery, terms)

    def acknowledge(self, delivery: Delivery) -> Answer:
        return acknowledgement.acknowledge(delivery)


PROVIDER: Final[Provider] = _Conectados()
