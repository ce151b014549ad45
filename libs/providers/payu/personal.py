"""Where PayU's bodies hold personal data.

Notifications of payouts and the payee of a request:
https://developers.payulatam.com/latam/es/docs/integrations/api-integration/payouts-api.html. `errorMessage` is
free text about the payee. The last ones are of the confirmation page of PayU's WebCheckout, another product whose
notice may be posted here by mistake.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from libs.personal.datum import Datum, PersonalFields

PERSONAL: Final[PersonalFields] = MappingProxyType(
    {
        "fullName": Datum.NAME,
        "documentNumber": Datum.DOCUMENT,
        "errorMessage": Datum.WORDS,
        "accountNumber": Datum.ACCOUNT,
        "bankAccount.accountNumber": Datum.ACCOUNT,
        "bankAccount.documentNumber": Datum.DOCUMENT,
        "bankAccount.fullName": Datum.NAME,
        "bankAccount.birthDate": Datum.BIRTH,
        "bankAccount.expeditionDate": Datum.BIRTH,
        "cc_number": Datum.CARD,
        "cc_holder": Datum.NAME,
        "email_buyer": Datum.E_MAIL,
        "nickname_buyer": Datum.NAME,
        "phone": Datum.PHONE,
        "billing_address": Datum.ADDRESS,
        "shipping_address": Datum.ADDRESS,
        "account_number_ach": Datum.ACCOUNT,
    }
)
