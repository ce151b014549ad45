"""What the answers of Safe2Pay's queries mean: the words of a notice, under other names.

`Status` (text or number) stands for `TransactionStatus`, `Message` for its name, and the dates that have
a time for those of the notice. An answer is another observation than the notice that says the same,
so that it corroborates it; the same answer again is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.domain.observation import Observation
from libs.providers.asking import route_of
from libs.providers.port import Terms
from libs.providers.reading import Json, NotReadableError, read_json
from libs.providers.safe2pay.mapping import of_transaction

# Their word in an answer → in a notice. `PaymentDate` is a date alone there.
_NAMES: Final = MappingProxyType(
    {
        "IdTransaction": "IdTransaction",
        "Reference": "Reference",
        "CreatedDateTime": "IncluedDate",
        "PaymentDateTime": "PaymentDate",
        "Amount": "Amount",
        "AmountPayment": "PaidValue",
        "NetValue": "NetValue",
        "TaxValue": "TaxValue",
        "CheckingAccounts": "CheckingAccounts",
        "Splits": "Splits",
        "InstallmentQuantity": "InstallmentQuantity",
        "EndToEndId": "EndToEndId",
        "Tid": "Tid",
        "PaymentOrderId": "PaymentOrderId",
    }
)
_OF_A_PAYMENT: Final = ("PaidValue", "TaxValue", "NetValue")
_POS_CODE: Final = "19"  # of the method whose id is 21
_POS: Final = 21
_FIELDS: Final = MappingProxyType(
    {"TransactionStatus": "Status", "TransactionStatus.Id": "Status"}
    | {there: here for here, there in _NAMES.items()}
)


def translate(delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
    """Read one answer: see the port."""
    try:
        body = read_json(delivery.body)
    except NotReadableError as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    detail = body.get("ResponseDetail") if isinstance(body, dict) else None
    if not isinstance(detail, dict) or "Status" not in detail:
        return (Unknown(reason=ParkReason.FOREIGN_SHAPE, detail="no answer about a transaction"),)
    reading = of_transaction(delivery, terms, _as_notice(detail))
    if isinstance(reading, Unknown):
        return (replace(reading, field=_FIELDS.get(reading.field or "", reading.field)),)
    if isinstance(reading, Observation):
        if reading.provider_ref != route_of(delivery).provider_ref:
            detail = "not the transaction that was asked for"
            return (Unknown(reason=ParkReason.MALFORMED, detail=detail, field="IdTransaction"),)
        reading = replace(reading, key=f"poll:{reading.key}")
    return (reading,)


def _as_notice(detail: Mapping[str, Json]) -> dict[str, Json]:
    notice: dict[str, Json] = {
        there: detail[here] for here, there in _NAMES.items() if here in detail
    }
    status = detail["Status"]
    if not isinstance(status, list | dict):
        notice["TransactionStatus"] = {"Id": status, "Name": detail.get("Message")}
    if (method := _method(detail.get("PaymentMethod"))) is not None:
        notice["PaymentMethod"] = {"Id": method}
    for name in _OF_A_PAYMENT:  # 0 where nothing was paid yet
        if notice.get(name) in (0, "0"):
            del notice[name]
    return notice


def _method(told: Json) -> Json:
    """Read the code of a method, or the node that a notice has."""
    if isinstance(told, dict):
        told = told.get("Code", told.get("Id"))
    return _POS if str(told).strip() == _POS_CODE else told
