"""PayU's own examples, one by one: each request is what we send, each answer is read whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from libs.api.http import Http
from libs.providers.payu import validation
from libs.providers.payu.client import Account, PayU
from libs.providers.payu.jwt import lifetime
from libs.providers.payu.requests import (
    BankAccountUpdate,
    CancelRequest,
    PayoutRequest,
    WebhookRequest,
)
from libs.providers.reading import read_json
from tests.payu_api import PUBLIC, PayUApi, answering

EXAMPLES = Path(__file__).parent / "examples"
# Whose payouts and webhooks the examples are.
OWNER = Account(merchant_id="510608", account_id="1", api_key="k", api_login="l", public_key=PUBLIC)
HOME = f"{OWNER.merchant_id}/{OWNER.account_id}"


@pytest.fixture
async def owner(api: PayUApi) -> AsyncIterator[PayU]:
    api.instead["authenticate"].append(answering(200, {"token": "Bearer t"}))
    http = Http(api.url, timeout=5)
    yield PayU(http, OWNER)
    await http.close()


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def payouts() -> PayoutRequest:
    """Read the example, which has a bank code on purpose that is none."""
    return validation.payouts(read_json(example("payouts.request")), doubts=False)


def webhook(**more: str) -> WebhookRequest:
    return WebhookRequest.model_validate({**json.loads(example("webhook.request")), **more})


Ask = Callable[[PayU], Awaitable[Any]]
_ID = "054e0fc5-a025-4a00-b666-95673c11dee1"
CALLS: list[tuple[str, str, Ask, Any, str]] = [
    (
        "POST",
        f"/supplier-transfers/{HOME}",
        lambda p: p.request_payouts(payouts()),
        "payouts.request",
        "payouts.answer",
    ),
    (
        "DELETE",
        f"/supplier-transfers/{HOME}/{_ID}",
        lambda p: p.cancel(
            _ID, CancelRequest.model_validate(json.loads(example("cancel.request")))
        ),
        "cancel.request",
        "cancel.answer",
    ),
    (
        "PUT",
        f"/supplier-transfers/bank-account/{HOME}/{_ID}",
        lambda p: p.update_bank_account(
            BankAccountUpdate(id=_ID, account_number="0199", bank_code="7")
        ),
        {"id": _ID, "accountNumber": "0199", "bankCode": "007"},
        "cancel.answer",
    ),
    (
        "POST",
        f"/webhooks/{HOME}",
        lambda p: p.create_webhook(webhook()),
        "webhook.request",
        "webhook.answer",
    ),
    (
        "PUT",
        f"/webhooks/{HOME}",
        lambda p: p.update_webhook(webhook(id=_ID)),
        {**json.loads(example("webhook.request")), "id": _ID},
        "webhook.answer",
    ),
    (
        "DELETE",
        f"/webhooks/{HOME}/{_ID}",
        lambda p: p.delete_webhook(_ID),
        None,
        "webhook_deleted.answer",
    ),
    ("GET", f"/webhooks/{HOME}/{_ID}", lambda p: p.webhook(_ID), None, "webhook_by_id.answer"),
    (
        "GET",
        f"/webhooks/account/{HOME}",
        lambda p: p.webhooks(),
        None,
        "webhooks_of_account.answer",
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "ask", "sent", "answer"), CALLS, ids=[f"{c[0]} {c[4]}" for c in CALLS]
)
async def test_example(  # noqa: PLR0917 - the columns of a table
    api: PayUApi, owner: PayU, method: str, path: str, ask: Ask, sent: object, answer: str
) -> None:
    api.instead[method].append(answering(200, example(answer)))
    told = await ask(owner)
    (seen,) = api.seen
    assert (seen.method, seen.path) == (method, path)
    if sent is None:
        assert seen.body == b""
    else:
        wanted = json.loads(example(sent)) if isinstance(sent, str) else sent
        assert (seen.json, seen.headers["Content-Type"]) == (wanted, "application/json")
    models = told if isinstance(told, tuple) else (told,)
    examples = json.loads(example(answer))
    for model, one in zip(models, examples if isinstance(told, tuple) else [examples], strict=True):
        assert fields(model.model_dump(by_alias=True)) >= fields(one)
        assert not undocumented(model)


def fields(value: object, at: str = "") -> set[str]:
    """Return every path at which something is told."""
    if isinstance(value, dict):
        inner = [fields(one, f"{at}.{name}") for name, one in value.items() if one is not None]
        return {at}.union(*inner)
    if isinstance(value, list | tuple):
        return {at}.union(*(fields(one, f"{at}[{n}]") for n, one in enumerate(value)))
    return {at}


def undocumented(model: Any) -> set[str]:  # noqa: ANN401 - any model
    inner = [
        undocumented(one)
        for value in dict(model).values()
        for one in (value if isinstance(value, tuple) else (value,))
        if hasattr(one, "undocumented")
    ]
    return set(model.undocumented).union(*inner)


async def test_answer_of_the_payouts_example_says_all(api: PayUApi, owner: PayU) -> None:
    api.instead["POST"].append(answering(200, example("payouts.answer")))
    told = await owner.request_payouts(payouts())
    assert (told.total_successful, told.total_failed) == (2, 1)
    first, second = told.successful_items
    assert first.payment_order_id == "7202a9a7-ef51-4202-bd23-e604f9cbb25b"
    assert (first.value, second.value) == (Decimal("1500000.00"), Decimal(4500000))
    assert first.bank_account is not None
    assert first.bank_account.bank_name == "BANCOLOMBIA"
    assert first.bank_account.birth_date == "1975-03-06T05:00:00.000+00:00"
    (failed,) = told.failed_items
    assert failed.failure_messages == ("There is no registered bank with code: 8",)


async def test_moment_of_creation_in_both_forms(api: PayUApi, payu: PayU) -> None:
    wanted = datetime(2021, 8, 27, 21, 57, 28, tzinfo=UTC)
    for told in ("2021-08-27T21:57:28+00:00", "2021-27-08 21:57:28", "2021-08-27 21:57:28"):
        api.instead["GET"].append(answering(200, {"id": _ID, "created": told}))
        assert (await payu.webhook(_ID)).created == wanted
    api.instead["GET"].append(answering(200, {"id": _ID, "created": "yesterday"}))
    assert (await payu.webhook(_ID)).created == "yesterday"


async def test_answer_is_read_liberally(api: PayUApi, owner: PayU) -> None:
    """Texts for numbers, objects for messages, fields that nobody documents."""
    answer = {
        "totalSuccessful": "1",
        "successfulItems": [
            {"paymentOrderId": "7202A9A7-EF51-4202-BD23-E604F9CBB25B", "value": "10.50", "more": 1}
        ],
        "failedItems": [{"failureMessages": [{"code": 8, "message": "no bank"}], "value": True}],
    }
    api.instead["POST"].append(answering(200, answer))
    told = await owner.request_payouts(payouts())
    assert told.total_successful == 1
    (item,) = told.successful_items
    assert (item.payment_order_id, item.value) == (
        "7202a9a7-ef51-4202-bd23-e604f9cbb25b",
        Decimal("10.50"),
    )
    assert item.undocumented == ("more",)
    assert told.failed_items[0].failure_messages == ("8 no bank",)
    assert told.failed_items[0].value is None


async def test_token_with_and_without_bearer(api: PayUApi, payu: PayU) -> None:
    api.bearer = False
    await payu.webhooks()
    assert api.seen[0].headers["Authorization"] == "Bearer canary-token-1"


def test_token_of_the_example_tells_no_span() -> None:
    """Its `exp` is its `iat`: the documented ten minutes hold."""
    token = json.loads(example("authenticate.answer"))["token"].removeprefix("Bearer ")
    assert lifetime(token) is None


def test_span_of_a_token_that_tells_one() -> None:
    assert lifetime("e30.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDMwMH0.c2ln") == 300
    for odd in ("", "a.b", "a.!!!.c", "e30.e30.e30", "e30.W10.e30"):
        assert lifetime(odd) is None


async def test_amounts_are_sent_digit_by_digit(api: PayUApi, payu: PayU) -> None:
    document = (
        b'{"transfers": [{"value": 123456789012345.67, "bankAccount": {"id": "a"}},'
        b' {"value": 1.50, "bankAccount": {"id": "b"}}, {"value": 1.5e6, "bankAccount": {"id": "c"}},'
        b' {"value": "0.01", "bankAccount": {"id": "d"}}]}'
    )
    await payu.request_payouts(validation.payouts(read_json(document)))
    for digits in (b"123456789012345.67", b"1.50,", b"1500000,", b"0.01,"):
        assert b'"value":' + digits in api.seen[0].body
