"""Where Safe2Pay's bodies hold personal data.

Webhook: https://developers.safe2pay.com.br/reference/callback-transacional. The lines of an account say whose it
is (`Description` has the name and the CPF or CNPJ), the parts of a split name their receivers. The query has a
`Customer` and a `PaymentObject`, whose fields are not documented for answers: below are the names that they have
where a payment is made.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from libs.personal.datum import Datum, PersonalFields

PERSONAL: Final[PersonalFields] = MappingProxyType(
    {
        "CheckingAccounts.Description": Datum.WORDS,
        "Splits.Identity": Datum.DOCUMENT,
        "Splits.Name": Datum.NAME,
        "Splits.CheckingAccounts.Description": Datum.WORDS,
        "Customer.Name": Datum.NAME,
        "Customer.Identity": Datum.DOCUMENT,
        "Customer.Email": Datum.E_MAIL,
        "Customer.Phone": Datum.PHONE,
        "Customer.Address.Street": Datum.ADDRESS,
        "PaymentObject.Holder": Datum.NAME,
        "PaymentObject.CardNumber": Datum.CARD,
        "PaymentObject.BankSlipNumber": Datum.BARCODE,
        "PaymentObject.DigitableLine": Datum.BARCODE,
        "PaymentObject.Barcode": Datum.BARCODE,
        "PaymentObject.QrCode": Datum.BARCODE,
        "PaymentObject.Key": Datum.ACCOUNT,
    }
)
