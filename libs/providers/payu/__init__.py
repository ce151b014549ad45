"""PayU Latam, Payouts API (Colombia): notifications about payouts, its report, and our own calls. See README.md."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Reading
from libs.domain.lifecycle import Authority
from libs.providers.payu import mapping, own_calls, report
from libs.providers.payu.personal import PERSONAL
from libs.providers.port import RECEIVED, Answer, Provider, Terms

__all__ = ["PROVIDER"]


class _PayU:
    slug: Final = "payu"
    documented_path: Final = None
    secret_body_fields: Final[tuple[str, ...]] = ()
    personal_fields: Final = PERSONAL

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        """Translate a notification, a row of the report, or a call of ours.

        The authority tells them apart, which nobody but we ourselves can give; a replay keeps it.
        """
        route = delivery.route_event or ""
        if delivery.authority is Authority.OPERATOR and route.startswith(own_calls.PREFIX):
            return own_calls.translate(delivery)
        if delivery.authority is Authority.REPORT and route.startswith(report.PREFIX):
            return report.translate(delivery, terms)
        return mapping.translate(delivery, terms)

    def acknowledge(self, delivery: Delivery) -> Answer:
        """Answer 200 without a body: PayU asks for a plain 200 and no HTML."""
        del delivery
        return RECEIVED


PROVIDER: Final[Provider] = _PayU()
