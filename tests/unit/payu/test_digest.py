"""The same payout is recognised however it is spelled; another one is another."""

from __future__ import annotations

from typing import Any

import pytest

from libs.providers.payu.digest import DigestKey
from libs.providers.payu.requests import Transfer
from libs.providers.payu.written import written
from tests.payu_api import MERCHANT
from tests.unit.payu.test_unsent import PAYEE

KEY = DigestKey.of("canary", "sandbox")
KNOWN = {"value": 5, "bankAccount": {"id": "e202507e-5551"}}
NEW = {"value": 5, "bankAccount": PAYEE | {"birthDate": "1990-01-02"}}


def payee(**changed: object) -> dict[str, Any]:
    return NEW | {"bankAccount": NEW["bankAccount"] | changed}  # type: ignore[operator]


def digest(told: dict[str, Any]) -> bytes:
    return KEY.digest(Transfer.model_validate(told))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (KNOWN, KNOWN | {"description": ""}),
        (KNOWN, KNOWN | {"description": "  "}),
        (KNOWN, KNOWN | {"value": "5.00"}),
        (KNOWN, KNOWN | {"bankAccount": {"id": "E202507E-5551"}}),
        (NEW, payee(birthDate="1990/01/02")),
        (payee(expeditionDate="2010-01-02"), payee(expeditionDate="2010/01/02")),
        (NEW, payee(state="ACTIVE")),
        (NEW, payee(merchantId=int(MERCHANT))),
    ],
    ids=["empty", "blank", "amount", "id", "birthDate", "expeditionDate", "state", "merchantId"],
)
def test_spelling_makes_no_other_payout(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    "other",
    [
        NEW | {"description": "d"},
        payee(birthDate="1990-02-01"),
        payee(fullName="Another"),
        payee(state="INACTIVE"),
        payee(bankCode="1007"),
    ],
    ids=["description", "birthDate", "fullName", "state", "bankCode"],
)
def test_another_payout_is_another(other: dict[str, Any]) -> None:
    assert digest(NEW) != digest(other)


def test_it_is_sent_as_it_was_told() -> None:
    told = payee(birthDate="1990/01/02", state="ACTIVE") | {"description": ""}
    transfer = Transfer.model_validate(told)
    before = written(transfer)
    KEY.digest(transfer)
    assert written(transfer) == before
    assert b"1990/01/02" in before


def test_other_world_has_another_key() -> None:
    production = DigestKey.of("canary", "production")
    assert production.name != KEY.name
    assert production.digest(Transfer.model_validate(NEW)) != digest(NEW)
