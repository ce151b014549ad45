"""Where Clip's bodies hold personal data.

Webhook: https://developer.clip.mx/reference/checkout-webhook (`barcode` and `customer_email`, with cash).
The query has `metadata.customer_info`, the lookup of a receipt `user_email` and a `card` (see the sources in
README.md); what these two objects hold is not documented and goes by its likely names.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from libs.personal.datum import Datum, PersonalFields

PERSONAL: Final[PersonalFields] = MappingProxyType(
    {
        "customer_email": Datum.E_MAIL,
        "barcode": Datum.BARCODE,
        "metadata.customer_info.name": Datum.NAME,
        "metadata.customer_info.email": Datum.E_MAIL,
        "metadata.customer_info.phone": Datum.PHONE,
        "item.user_email": Datum.E_MAIL,
        "item.card.number": Datum.CARD,
    }
)
