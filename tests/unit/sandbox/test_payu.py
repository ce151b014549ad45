"""PayU's API, method by method: answers have the shape of the documentation's examples."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from libs.providers.payu import nit, words
from services.sandbox.chaos import ApiFaults
from services.sandbox.payu import payees
from services.sandbox.payu.service import PayUOptions
from tests.unit.sandbox import payu_examples as examples
from tests.unit.sandbox.playing import MINE, PAYU, Playing, playing

TRANSFERS = f"{PAYU}/supplier-transfers/{MINE}"
WEBHOOKS = f"{PAYU}/webhooks/{MINE}"
SLOW = PayUOptions(step=60.0)
# What every server makes up for itself.
DRAWN = {"id", "paymentOrderId", "created"}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Playing]:
    async with playing(tmp_path, payu=SLOW) as parts:
        yield parts


async def call(
    sandbox: Playing, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, Any]:
    known = await sandbox.token() | headers
    async with sandbox.client.request(method, path, data=body, headers=known) as answer:
        text = await answer.read()
        assert answer.content_type == "application/json"
        return answer.status, json.loads(text, parse_float=Decimal)


def same_shape(told: Any, example: Any) -> None:  # noqa: ANN401 - JSON
    """Compare key by key in their order, and value by value but for what each server makes up."""
    assert type(told) is type(example)
    if isinstance(example, dict):
        assert list(told) == list(example)
        for name, value in example.items():
            if name in DRAWN:
                assert len(told[name]) == len(value)
            else:
                same_shape(told[name], value)
    elif isinstance(example, list):
        assert len(told) == len(example)
        for one, other in zip(told, example, strict=True):
            same_shape(one, other)
    else:
        assert told == example


def example(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text, parse_float=Decimal)


async def test_payouts_answer_as_documented(sandbox: Playing) -> None:
    """New and registered payees, and one that fails: the example of the documentation as it stands."""
    status, told = await call(sandbox, "POST", TRANSFERS, examples.REQUEST)
    assert status == 200
    same_shape(told, example(examples.ANSWER))
    assert [str(item["value"]) for item in told["successfulItems"]] == ["1500000.00", "4500000.00"]


async def test_new_payee_is_known_afterwards(sandbox: Playing) -> None:
    _, told = await call(sandbox, "POST", TRANSFERS, examples.REQUEST)
    account = told["successfulItems"][0]["bankAccount"]
    again = json.dumps({"transfers": [{"value": 90000.5, "bankAccount": {"id": account["id"]}}]})
    _, told = await call(sandbox, "POST", TRANSFERS, again)
    (item,) = told["successfulItems"]
    assert (item["bankAccount"], str(item["value"])) == (account, "90000.50")
    assert "description" not in item


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"bankCode": "8"}, "There is no registered bank with code: 8"),
        ({"bankCode": None}, "bankCode is required"),
        ({"supplierType": "FRIEND"}, "supplierType"),
        ({"accountType": "XX"}, "accountType"),
        ({"accountNumber": "1" * 18}, "accountNumber"),
        ({"documentType": "NIT", "documentNumber": "830140299"}, "documentNumber"),
        ({"accountNumber": "12-34"}, "accountNumber"),
        ({"documentType": "NIT", "documentNumber": "830140299-7"}, "documentNumber"),
        ({"documentNumber": "1.026.304.116"}, "documentNumber"),
        ({"country": "COL"}, "country"),
        ({"country": "co"}, "country"),
        ({"country": "XX"}, "country"),
        ({"country": ["CO"]}, "country"),
        ({"birthDate": "19750307"}, "birthDate"),
        ({"birthDate": "yesterday"}, "birthDate"),
        ({"id": "00000000-0000-4000-8000-000000000000"}, "no registered bank account"),
    ],
)
async def test_failures_are_items(sandbox: Playing, spoilt: dict[str, Any], message: str) -> None:
    """What is wrong with one payout is told beside those that were made, and makes none."""
    told = example(examples.REQUEST)
    told["transfers"] = [told["transfers"][0], {**told["transfers"][0]}]
    told["transfers"][1]["bankAccount"] = told["transfers"][1]["bankAccount"] | spoilt
    status, answer = await call(sandbox, "POST", TRANSFERS, json.dumps(told))
    assert (status, answer["totalSuccessful"], answer["totalFailed"]) == (200, 1, 1)
    assert message in answer["failedItems"][0]["failureMessages"][0]
    assert len(sandbox.payu.payouts) == 1


@pytest.mark.parametrize(
    "told",
    [
        {"accountNumber": "AB12345678901234X"},
        {"documentType": "NIT", "documentNumber": "830140299-6"},
        {"country": "US"},
        {"expeditionDate": "1996/05/17"},
    ],
    ids=str,
)
async def test_what_the_documents_allow_is_made(sandbox: Playing, told: dict[str, Any]) -> None:
    item = example(examples.REQUEST)["transfers"][0]
    item["bankAccount"] |= told
    _, answer = await call(sandbox, "POST", TRANSFERS, json.dumps({"transfers": [item]}))
    assert (answer["totalSuccessful"], answer["failedItems"]) == (1, [])


def test_client_and_sandbox_know_the_same_by_themselves() -> None:
    assert {a + b for a, those in payees.COUNTRIES.items() for b in those} == words.COUNTRIES
    for digits in ("830140299", "899999068", "860002964", "1", "999999999999999"):
        assert payees.check_digit(digits) == nit.check_digit(digits)


@pytest.mark.parametrize("value", [0, -5, "100", 1.001, None])
async def test_odd_values_fail(sandbox: Playing, value: object) -> None:
    told = example(examples.REQUEST)["transfers"][2] | {"value": value}
    status, answer = await call(sandbox, "POST", TRANSFERS, json.dumps({"transfers": [told]}))
    assert (status, answer["totalFailed"]) == (200, 1)


@pytest.mark.parametrize("body", ["", "[]", "{", '{"transfers": []}', '{"transfers": 1}'])
async def test_nonsense_is_refused(sandbox: Playing, body: str) -> None:
    status, told = await call(sandbox, "POST", TRANSFERS, body)
    assert (status, told["processingStatus"]) == (400, "FAILED")


async def test_cancel_is_received(sandbox: Playing) -> None:
    _, made = await call(sandbox, "POST", TRANSFERS, examples.REQUEST)
    order = made["successfulItems"][0]["paymentOrderId"]
    status, told = await call(sandbox, "DELETE", f"{TRANSFERS}/{order}", examples.CANCEL_REQUEST)
    assert (status, told) == (200, example(examples.CANCEL_ANSWER))
    assert (await call(sandbox, "DELETE", f"{TRANSFERS}/{order}"))[0] == 400  # twice
    assert (await call(sandbox, "DELETE", f"{TRANSFERS}/nobody"))[0] == 404


async def test_bank_account_is_updated(sandbox: Playing) -> None:
    _, made = await call(sandbox, "POST", TRANSFERS, examples.REQUEST)
    account = made["successfulItems"][0]["bankAccount"]["id"]
    path = f"{PAYU}/supplier-transfers/bank-account/{MINE}/{account}"
    body = json.dumps({"id": account, "accountNumber": "777", "bankCode": "013"})
    assert await call(sandbox, "PUT", path, body) == (200, {"message": "Update received"})
    known = sandbox.payu.accounts.get(account)
    assert known is not None
    assert (known.shown()["accountNumber"], known.shown()["bankName"]) == ("777", "BBVA COLOMBIA")
    assert (await call(sandbox, "PUT", path + "x", body))[0] == 404
    for spoilt in ({"accountNumber": ""}, {"accountNumber": "1-2"}, {"bankCode": "8"}):
        wrong = json.dumps({"id": account, "accountNumber": "777", **spoilt})
        assert (await call(sandbox, "PUT", path, wrong))[0] == 400


async def test_webhook_lives_as_documented(sandbox: Playing) -> None:
    """Made, shown, listed, changed and deleted, each answer in the documentation's shape."""
    shape = example(examples.WEBHOOK_ANSWER)
    status, made = await call(sandbox, "POST", WEBHOOKS, examples.WEBHOOK_REQUEST)
    assert status == 200
    same_shape(made, shape)
    mine = f"{WEBHOOKS}/{made['id']}"
    assert await call(sandbox, "GET", mine) == (200, made)
    listed = f"{PAYU}/webhooks/account/{MINE}"
    assert await call(sandbox, "GET", listed) == (200, [made])
    wanted = example(examples.WEBHOOK_REQUEST)
    wanted |= {"id": made["id"], "enabledEvents": ["VALIDATION_RESULT"]}
    _, changed = await call(sandbox, "PUT", WEBHOOKS, json.dumps(wanted))
    assert changed == made | {"enabledEvents": ["VALIDATION_RESULT"]}
    _, gone = await call(sandbox, "DELETE", mine)
    same_shape(gone, example(examples.DELETED))
    assert await call(sandbox, "GET", listed) == (200, [])
    assert (await call(sandbox, "GET", mine))[1]["status"] == "DELETED"
    assert (await call(sandbox, "DELETE", mine))[0] == 404


@pytest.mark.parametrize(
    "spoilt",
    [
        {"callbackUrl": "nowhere"},
        {"description": ""},
        {"accountId": None},
        {"enabledEvents": []},
        {"enabledEvents": ["PAID"]},
        {"enabledEvents": ["TRANSFER_UPDATE"] * 4},
    ],
)
async def test_odd_webhooks_are_refused(sandbox: Playing, spoilt: dict[str, Any]) -> None:
    body = json.dumps(example(examples.WEBHOOK_REQUEST) | spoilt)
    assert (await call(sandbox, "POST", WEBHOOKS, body))[0] == 400


async def test_callback_url_is_taken_once(sandbox: Playing) -> None:
    _, made = await call(sandbox, "POST", WEBHOOKS, examples.WEBHOOK_REQUEST)
    status, told = await call(sandbox, "POST", WEBHOOKS, examples.WEBHOOK_REQUEST)
    assert (status, told["failureMessages"]) == (400, ["The callbackUrl is already registered"])
    own = json.dumps(example(examples.WEBHOOK_REQUEST) | {"id": made["id"]})
    assert (await call(sandbox, "PUT", WEBHOOKS, own))[0] == 200
    await call(sandbox, "DELETE", f"{WEBHOOKS}/{made['id']}")
    assert (await call(sandbox, "POST", WEBHOOKS, examples.WEBHOOK_REQUEST))[0] == 200


async def test_update_needs_an_id(sandbox: Playing) -> None:
    assert (await call(sandbox, "PUT", WEBHOOKS, examples.WEBHOOK_REQUEST))[0] == 400


async def test_both_headers_are_checked(sandbox: Playing) -> None:
    listed = f"{PAYU}/webhooks/account/{MINE}"
    assert (await call(sandbox, "GET", listed, Authorization="Bearer x"))[0] == 401
    assert (await call(sandbox, "GET", listed, Authorization=""))[0] == 401
    assert (await call(sandbox, "GET", listed, PublicKey=""))[0] == 401
    assert (await call(sandbox, "GET", listed, PublicKey="another"))[0] == 401
    other = listed.replace("508029", "508030")
    assert (await call(sandbox, "GET", other))[0] == 403


@pytest.mark.parametrize("wrong", ["accountId", "apiKey", "apiLogin"])
async def test_all_three_credentials_are_checked(sandbox: Playing, wrong: str) -> None:
    query = {
        "accountId": "512321", "apiKey": "dev-payu-api-key", "apiLogin": "dev-payu-api-login",
    }  # fmt: skip
    for spoilt in (query | {wrong: "x"}, {n: v for n, v in query.items() if n != wrong}):
        async with sandbox.client.post(f"{PAYU}/authenticate", params=spoilt) as answer:
            assert answer.status == 401
            assert "dev-" not in await answer.text()


async def test_token_may_run_out_in_between(tmp_path: Path) -> None:
    """By share, a good token has just run out: refused once, and for good."""
    async with playing(tmp_path, payu=SLOW, faults=ApiFaults(expired=0.3)) as sandbox:
        listed, refused = f"{PAYU}/webhooks/account/{MINE}", 0
        headers = await sandbox.token()
        for _ in range(100):
            async with sandbox.client.get(listed, headers=headers) as answer:
                if answer.status == 200:
                    continue
                refused += 1
            async with sandbox.client.get(listed, headers=headers) as answer:
                assert answer.status == 401
            headers = await sandbox.token()
    assert 15 < refused < 50
