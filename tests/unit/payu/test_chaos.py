"""Whatever the provider does: questions are asked again, a payout is never asked for twice."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest
from structlog.testing import capture_logs

from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.api.http import Http
from libs.providers.payu import validation
from libs.providers.payu.client import Account, PayU
from libs.providers.payu.requests import BankAccountUpdate, CancelRequest, WebhookRequest
from libs.runtime.failures import where
from tests.payu_api import (
    ACCOUNT,
    KEY,
    LOGIN,
    PUBLIC,
    Instead,
    PayUApi,
    answering,
    cut,
    silent,
)
from tests.unit.payu.conftest import account

PERSONAL = ("Canary Fullname", "5500000055", "1026304116", "1996-05-17")
REQUEST = validation.payouts(
    [
        {
            "value": 1500000,
            "description": "canary description",
            "bankAccount": {
                "supplierType": "RELATED_PROVIDER",
                "accountNumber": PERSONAL[1],
                "bankCode": "007",
                "accountType": "CC",
                "country": "CO",
                "documentNumber": PERSONAL[2],
                "documentType": "CC",
                "fullName": PERSONAL[0],
                "birthDate": PERSONAL[3],
            },
        }
    ]
)
WEBHOOK = WebhookRequest(
    account_id=int(ACCOUNT),
    callback_url="https://hooks.example.com/w?token=canary-callback",
    description="d",
    enabled_events=("TRANSFER_UPDATE",),
)
UNKNOWN: dict[str, Instead] = {
    "500": answering(500, {"message": "oops"}),
    "502": answering(502, b"<html>"),
    "503 with a time": answering(503, b"", **{"Retry-After": "1"}),
    "408": answering(408),
    "a redirect": answering(302, b"", Location="/elsewhere"),
    "half an answer": cut,
    "no answer": silent,
    "not JSON": answering(200, b"<html>thank you</html>"),
    "no object": answering(200, ["done"]),
    "a list that is none": answering(200, {"successfulItems": "one"}),
    "an empty answer": answering(200),
}


@pytest.mark.parametrize("what", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_payouts_whose_answer_was_lost_are_unknown_and_not_repeated(
    api: PayUApi, payu: PayU, what: Instead
) -> None:
    api.instead["POST"].extend([what] * 3)
    with pytest.raises(UnansweredError):
        await payu.request_payouts(REQUEST)
    assert len(api.seen) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429])
async def test_payouts_that_are_refused_are_not_done(api: PayUApi, payu: PayU, status: int) -> None:
    api.instead["POST"].append(answering(status, {"message": "no"}))
    with pytest.raises(RefusedError):
        await payu.request_payouts(REQUEST)
    assert len(api.seen) == 1


@pytest.mark.parametrize("status", [400, 401, 409, 422, 429])
@pytest.mark.parametrize("name", ["successfulItems", "failedItems"])
async def test_items_are_the_answer_whatever_the_status(
    api: PayUApi, payu: PayU, status: int, name: str
) -> None:
    told = {"message": "some were not done", name: [{"paymentOrderId": "one", "value": 1500000}]}
    api.instead["POST"].append(answering(status, told))
    answer = await payu.request_payouts(REQUEST)
    assert len([*answer.successful_items, *answer.failed_items]) == 1
    assert len(api.seen) == 1


@pytest.mark.parametrize("status", [400, 401, 422])
@pytest.mark.parametrize(
    "told",
    [{"successfulItems": "one"}, {"totalSuccessful": 1}, b'{"successfulItems": [{"paymentOrd'],
    ids=["no list", "a count alone", "half of it"],
)
async def test_items_of_a_refusal_that_cannot_be_read_are_unknown(
    api: PayUApi, payu: PayU, status: int, told: object
) -> None:
    api.instead["POST"].append(answering(status, told))
    with pytest.raises(UnansweredError):
        await payu.request_payouts(REQUEST)
    assert len(api.seen) == 1


async def test_refusal_with_empty_lists_is_one(api: PayUApi, payu: PayU) -> None:
    told = {"totalSuccessful": 0, "successfulItems": [], "failedItems": []}
    api.instead["POST"].append(answering(422, told))
    with pytest.raises(RefusedError):
        await payu.request_payouts(REQUEST)


async def test_payouts_are_asked_for_again_with_a_new_token(api: PayUApi, payu: PayU) -> None:
    """A 401 is answered before anything is done."""
    await payu.webhooks()
    api.expire()
    assert (await payu.request_payouts(REQUEST)).total_successful == 1
    assert [each.method for each in api.seen] == ["GET", "POST", "POST"]
    assert len(api.payouts) == 1


async def test_nothing_is_sent_where_nobody_listens() -> None:
    http = Http("http://127.0.0.1:1/v1.0", timeout=0.5)
    with pytest.raises(UnsentError):
        await PayU(http, account).request_payouts(REQUEST)
    await http.close()


async def test_nothing_is_sent_without_a_token(api: PayUApi, payu: PayU) -> None:
    api.instead["authenticate"].extend([answering(500)] * 9)
    with pytest.raises(UnsentError, match="authenticate"):
        await payu.request_payouts(REQUEST)
    assert (api.authenticated, api.seen) == (3, [])


@pytest.mark.parametrize("what", [w for n, w in UNKNOWN.items() if n != "a redirect"])
async def test_questions_are_asked_again(api: PayUApi, payu: PayU, what: Instead) -> None:
    api.instead["GET"].extend([what] * 2)
    assert await payu.webhooks() == ()
    assert len(api.seen) == 3


async def test_questions_are_not_asked_for_ever(api: PayUApi, payu: PayU) -> None:
    api.instead["GET"].extend([answering(500)] * 9)
    with pytest.raises(RefusedError):
        await payu.webhooks()
    assert len(api.seen) == 3


async def test_list_with_a_token_that_expires_meanwhile(api: PayUApi, payu: PayU) -> None:
    await payu.create_webhook(WEBHOOK)
    lists = []
    for _ in range(3):
        api.expire()
        lists.append(await payu.webhooks())
    assert [len(found) for found in lists] == [1, 1, 1]
    assert api.authenticated == 4


async def test_changes_are_made_once(api: PayUApi, payu: PayU) -> None:
    for method in ("DELETE", "PUT", "POST"):
        api.instead[method].extend([answering(500)] * 2)
    for change in (
        payu.cancel("a", CancelRequest()),
        payu.update_bank_account(BankAccountUpdate(id="a", account_number=1)),
        payu.create_webhook(WEBHOOK),
    ):
        with pytest.raises(UnansweredError):
            await change
    assert [each.method for each in api.seen] == ["DELETE", "PUT", "POST"]


SECRETS = (KEY, LOGIN, PUBLIC, "canary", *PERSONAL)


@pytest.mark.parametrize("what", UNKNOWN.values(), ids=UNKNOWN.keys())
@pytest.mark.parametrize("of", ["authenticate", "POST", "DELETE", "GET"])
async def test_no_secret_and_nothing_personal_is_told(
    api: PayUApi, payu: PayU, caplog: pytest.LogCaptureFixture, what: Instead, of: str
) -> None:
    """Canaries in whatever is sent: none in an error, its traceback, its causes, a repr, a log."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    api.instead[of].extend([what] * 9)
    with capture_logs() as logs:
        for ask in (
            payu.request_payouts(REQUEST),
            payu.create_webhook(WEBHOOK),
            payu.webhooks(),
            payu.cancel("a", CancelRequest(comments="canary")),
        ):
            try:
                texts.append(repr(await ask))
            except (RefusedError, UnansweredError, UnsentError) as error:
                texts += [repr(error), str(error), where(error), *chain(error)]
    texts += [caplog.text, repr(logs), repr(payu.__dict__), repr(REQUEST), repr(WEBHOOK)]
    assert [secret for secret in SECRETS for text in texts if secret in text] == []


def chain(error: BaseException) -> list[str]:
    """Give what a traceback would print, with what it hides."""
    found: list[str] = []
    link: BaseException | None = error
    while link is not None:
        found += traceback.format_exception_only(type(link), link)
        link = link.__cause__ or link.__context__
    return found


def test_account_shows_no_credential() -> None:
    found = Account(merchant_id="1", account_id="2", api_key=KEY, api_login=LOGIN, public_key=KEY)
    assert "canary" not in repr(found)


async def test_slow_renewal_is_bounded(api: PayUApi, payu: PayU) -> None:
    api.instead["authenticate"].extend([silent] * 9)
    async with asyncio.timeout(10):
        with pytest.raises(UnsentError):
            await payu.authenticate()
