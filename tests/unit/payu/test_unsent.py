"""What breaks a rule never leaves the client, and an id never names another path than its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from libs.api.errors import UnsentError
from libs.providers.payu import validation
from libs.providers.payu.client import PayU
from libs.providers.payu.findings import NotValidError
from libs.providers.payu.requests import (
    BankAccountUpdate,
    CancelRequest,
    PayoutRequest,
    WebhookRequest,
)
from tests.payu_api import ACCOUNT, MERCHANT, PayUApi

Ask = Callable[[PayU, str], Awaitable[Any]]
PAYEE: dict[str, Any] = {
    "supplierType": "RELATED_PROVIDER",
    "accountNumber": "5500000055",
    "bankCode": "007",
    "accountType": "CC",
    "country": "CO",
    "documentNumber": "1026304116",
    "documentType": "CC",
    "fullName": "Canary Fullname",
}
WEBHOOK = {
    "accountId": int(ACCOUNT),
    "callbackUrl": "https://hooks.example.com/w",
    "description": "d",
    "enabledEvents": ["TRANSFER_UPDATE"],
}


def payouts(value: object = 1, **changed: object) -> PayoutRequest:
    told = {"value": value, "bankAccount": PAYEE | changed}
    return PayoutRequest.model_validate({"transfers": [told]})


def registration(**changed: object) -> WebhookRequest:
    return WebhookRequest.model_validate(WEBHOOK | changed)


CALLS: dict[str, Ask] = {
    "cancel": lambda p, i: p.cancel(i, CancelRequest()),
    "webhook": lambda p, i: p.webhook(i),
    "delete_webhook": lambda p, i: p.delete_webhook(i),
    "update_webhook": lambda p, i: p.update_webhook(registration(id=i)),
    "update_bank_account": lambda p, i: p.update_bank_account(
        BankAccountUpdate.model_construct(id=i, account_number=1)
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../account", "a/b", "a?x=1", "a#b", "a%2Fb", "a b", "a;b", "\u0665"],
)
async def test_id_that_is_none_is_not_sent(api: PayUApi, payu: PayU, call: Ask, name: str) -> None:
    with pytest.raises(NotValidError) as error:
        await call(payu, name)
    assert isinstance(error.value, UnsentError)
    assert [each.place for each in error.value.findings] in (["id"], ["paymentOrderId"])
    assert (api.seen, api.authenticated) == ([], 0)


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        (payouts(0), "transfers[0].value"),
        (payouts(country="COL"), "transfers[0].bankAccount.country"),
        (payouts(documentType="NIT", documentNumber="830140299-7"), "transfers[0].bankAccount.documentNumber"),
        (payouts(birthDate="2999-01-01"), "transfers[0].bankAccount.birthDate"),
        (payouts(merchantId=int(MERCHANT) + 1), "transfers[0].bankAccount.merchantId"),
        (PayoutRequest(transfers=()), "transfers"),
    ],
    ids=["value", "country", "nit", "birthDate", "merchantId", "transfers"],
)  # fmt: skip
async def test_payout_against_a_rule_is_not_sent(
    api: PayUApi, payu: PayU, request_: PayoutRequest, place: str
) -> None:
    with pytest.raises(NotValidError) as error:
        await payu.request_payouts(request_)
    assert isinstance(error.value, UnsentError)
    assert [each.place for each in error.value.findings] == [place]
    assert (api.seen, api.authenticated) == ([], 0)


@pytest.mark.parametrize("told", [{"account_number": "1" * 18}, {"account_number": ""}], ids=str)
async def test_bank_account_against_a_rule_is_not_sent(
    api: PayUApi, payu: PayU, told: dict[str, Any]
) -> None:
    with pytest.raises(NotValidError, match="accountNumber"):
        await payu.update_bank_account(BankAccountUpdate(id="a", **told))
    assert api.seen == []


async def test_webhook_of_another_account_is_not_sent(api: PayUApi, payu: PayU) -> None:
    for call in (payu.create_webhook(registration(accountId=1)),
                 payu.update_webhook(registration(accountId=1, id="a"))):  # fmt: skip
        with pytest.raises(NotValidError, match="accountId"):
            await call
    assert api.seen == []


async def test_doubts_are_sent_unless_they_count(api: PayUApi, payu: PayU) -> None:
    """Who wrote the document was told of them; a program may have them refused."""
    doubtful = validation.payouts(
        [{"value": 1, "bankAccount": PAYEE | {"bankCode": "8"}}], doubts=False
    )
    update = BankAccountUpdate(id="a", account_number=1, bank_code="8")
    with pytest.raises(NotValidError, match="bankCode"):
        await payu.request_payouts(doubtful, doubts=True)
    with pytest.raises(NotValidError, match="bankCode"):
        await payu.update_bank_account(update, doubts=True)
    assert api.seen == []
    assert (await payu.request_payouts(doubtful)).total_failed == 1
    await payu.update_bank_account(update)
