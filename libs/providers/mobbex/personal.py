"""Where Mobbex' bodies hold personal data, the same in JSON and in forms with bracket keys.

Source: https://mobbex.dev/webhooks. The number of a card comes masked there (`450799******0010`); whether it
always does is not said. `data.source` and `data.user` repeat others, children are like `data`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from libs.personal.datum import Datum, PersonalFields

PERSONAL: Final[PersonalFields] = MappingProxyType(
    {
        "data.customer.name": Datum.NAME,
        "data.customer.email": Datum.E_MAIL,
        "data.customer.phone": Datum.PHONE,
        "data.customer.identification": Datum.DOCUMENT,
        "data.user.name": Datum.NAME,
        "data.user.email": Datum.E_MAIL,
        "data.user.phone": Datum.PHONE,
        "data.user.identification": Datum.DOCUMENT,
        "data.entity.name": Datum.NAME,
        "data.entity.tax_id": Datum.DOCUMENT,
        "data.payment.source.number": Datum.CARD,
        "data.payment.source.barcode": Datum.BARCODE,
        "data.payment.source.cardholder.name": Datum.NAME,
        "data.payment.source.cardholder.identification": Datum.DOCUMENT,
        "data.source.number": Datum.CARD,
    }
)
