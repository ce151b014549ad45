"""Where Conectados' bodies hold personal data.

No field of the documented event names a person but the free text of `message`. The request that it answers has
`user_id` (DNI or passport) and `user_rich_data` (the URL in the QR code of the identity card), which may come
back: https://api-evertec.ahoraconectados.com/api-7503618. `customer_email` was seen in a body.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from libs.personal.datum import Datum, PersonalFields

PERSONAL: Final[PersonalFields] = MappingProxyType(
    {
        "message": Datum.WORDS,
        "user_id": Datum.DOCUMENT,
        "user_rich_data": Datum.DOCUMENT,
        "customer_email": Datum.E_MAIL,
    }
)
