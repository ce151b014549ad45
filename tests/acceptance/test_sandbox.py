"""`caudal sandbox` beside a real stack: five providers, their APIs, and the truth about both."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import signal
import socket
from collections import Counter
from typing import Final

import aiohttp
import pytest

from services.sandbox.accounts import ACCOUNT_ID, DEVELOPMENT, MERCHANT_ID
from tests.acceptance.playing import nothing_differs, playing, port, stack, verdict
from tests.acceptance.stack import Stack, caudal
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LIVES: Final = 250
PAYOUTS: Final = 20

__all__ = ["port", "stack"]

# By provider: how it is asked, and where the answer has the state.
HEADERS: Final = {
    "clip": {
        "Authorization": "Basic "
        + base64.b64encode(":".join(DEVELOPMENT["clip"].values()).encode()).decode()
    },
    "mobbex": {
        "x-api-key": DEVELOPMENT["mobbex"]["api_key"],
        "x-access-token": DEVELOPMENT["mobbex"]["access_token"],
    },
    "safe2pay": {"X-API-KEY": DEVELOPMENT["safe2pay"]["token"]},
}
PATHS: Final = {
    "clip": "/clip/v2/checkout/{}",
    "mobbex": "/mobbex/operations/{}",
    "safe2pay": "/safe2pay/v2/transaction/Get?Id={}",
}


def test_spoilt_run_verifies_clean(stack: Stack, port: int) -> None:
    """With every fault but losses everything is told, so nothing may differ."""
    ledger = stack.home / "spoilt.jsonl"
    with playing(
        stack, "--seed", "21", "--lives", str(LIVES), "--rate", "250", "--duplicates", "0.2",
        "--reorder", "0.2", "--delay", "1", "--truncated", "0.05", "--wrong-type", "0.1",
        "--mojibake", "0.1", "--unknown", "0.02", "--malformed", "0.02", "--flood", "100",
        "--exit-when-sent", "--port", str(port), "--ledger", str(ledger),
    ) as sandbox:  # fmt: skip
        assert sandbox.process.wait(120) == 0
    found = verdict(stack, ledger, wait=60, code=0)
    assert (found["objects"], found["unjudged"], found["never_posted"]) == (LIVES, 0, 0)
    assert found["parked"] > 20


def test_what_was_lost_is_found_by_asking(stack: Stack, port: int) -> None:
    """Also where the APIs fail one call in four: what can be asked for ends true, the rest is listed."""
    ledger = stack.home / "lossy.jsonl"
    with playing(
        stack, "--seed", "22", "--lives", str(LIVES), "--rate", "150", "--losses", "0.1",
        "--duplicates", "0.2", "--reorder", "0.2", "--api-errors", "0.1", "--api-half", "0.1",
        "--api-timeouts", "0.02", "--api-behind", "0.1", "--port", str(port),
        "--ledger", str(ledger),
    ) as sandbox:  # fmt: skip
        assert wait_until(sandbox.everything_is_sent, seconds=60)
        told = sandbox.status()["webhooks"]
        assert told["lost"] > 30
        report = stack.home / "report.csv"
        report.write_bytes(asyncio.run(fetched(f"{sandbox.url}/payu/report.csv")))
        sources = ("--sources", str(stack.home / "sources.toml"))
        assert stack.caudal("payu", "report", "import", str(report), *sources).returncode == 0
        wait_until(lambda: nothing_differs(stack, ledger), seconds=200)
        found = verdict(stack, ledger, wait=0, code=0)
        code, ended = sandbox.stop(signal.SIGINT)
    assert code == 0
    assert found["never_posted"] == told["lost"]
    assert (found["lost"], found["duplicates_of_effect"], found["unjudged"]) == (0, 0, 0)
    assert found["polled"] > 100
    assert found["reports"] > 20
    # no webhook waited for an API that failed
    assert found["longest_accept_ms"] < 2000
    for provider in ("clip", "mobbex", "safe2pay"):
        assert len(ended["api"][provider].keys() & {"error", "half", "timeout"}) > 1


def test_object_that_a_person_must_ask_for_is_listed(stack: Stack) -> None:
    """What nobody can be asked for and stands open stays on the list, with the reason."""
    opened = {
        row["provider_ref"]
        for row in stack.objects()
        if row["source"] == "conectados" and row["state"] == "authorized"
    }
    assert opened

    def listed() -> bool:
        rows = stack.ask("overdue", "list", "--source", "conectados")
        return opened <= {row["provider_ref"] for row in rows if row["task"] == "person"}

    assert wait_until(listed, seconds=60)


async def fetched(url: str) -> bytes:
    """Get it, of an API that fails now and then."""
    for _ in range(20):
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=2)
            async with aiohttp.ClientSession(timeout=timeout) as client, client.get(url) as answer:
                if answer.status == 200:
                    return await answer.read()
    raise AssertionError("twenty times no answer")


def test_payouts_of_the_api_are_part_of_the_truth(stack: Stack, port: int) -> None:
    """Requested past Caudal, told of at the registered URL by every fault: they stand as they ended."""
    ledger = stack.home / "payouts.jsonl"
    with playing(
        stack, "--seed", "23", "--lives", "20", "--providers", "payu", "--payout-step", "0.1",
        "--duplicates", "0.3", "--reorder", "0.3", "--truncated", "0.1", "--wrong-type", "0.2",
        "--mojibake", "0.2", "--unknown", "0.1", "--malformed", "0.1", "--port", str(port),
        "--ledger", str(ledger),
    ) as sandbox:  # fmt: skip
        callback = f"{stack.line['ingress_url']}/webhooks/payu/TRANSFER_UPDATE?token=dev-payu-token"
        orders = asyncio.run(request_payouts(sandbox.url, callback))
        assert wait_until(sandbox.everything_is_sent, seconds=60)
        found = verdict(stack, ledger, wait=60, code=0)
        code, ended = sandbox.stop()
    assert code == 0
    assert ended["payu"]["payouts"] == PAYOUTS == len(orders)
    assert (found["objects"], found["unheard"]) == (20 + PAYOUTS, 0)
    states = Counter(row["state"] for row in stack.objects() if row["provider_ref"] in orders)
    assert states.total() == PAYOUTS
    assert states["canceled"] > 0
    assert states["paid"] > 0


async def request_payouts(url: str, callback: str) -> set[str]:
    """Register a WebHook, request payouts, and cancel a few of them; return their ids."""
    known, mine = DEVELOPMENT["payu"], f"{MERCHANT_ID}/{ACCOUNT_ID}"
    base = f"{url}/payu/v1.0"
    query = {
        "accountId": ACCOUNT_ID, "apiKey": known["api_key"], "apiLogin": known["api_login"],
    }  # fmt: skip
    async with aiohttp.ClientSession() as client:
        async with client.post(f"{base}/authenticate", params=query) as answer:
            token = (await answer.json())["token"]
        client.headers.update({"Authorization": token, "PublicKey": known["public_key"]})
        webhook = {
            "accountId": int(ACCOUNT_ID), "callbackUrl": callback, "description": "all of it",
            "enabledEvents": ["TRANSFER_CREATION", "TRANSFER_UPDATE", "VALIDATION_RESULT"],
        }  # fmt: skip
        async with client.post(f"{base}/webhooks/{mine}", json=webhook) as answer:
            assert answer.status == 200
        account = {"id": "e202507e-5551-4b67-be2a-a2a834bf1438"}
        transfers = [{"value": 1000 + n, "bankAccount": account} for n in range(PAYOUTS)]
        path = f"{base}/supplier-transfers/{mine}"
        async with client.post(path, json={"transfers": transfers}) as answer:
            items = (await answer.json())["successfulItems"]
        for item in items[:6]:
            async with client.delete(f"{path}/{item['paymentOrderId']}") as answer:
                assert answer.status == 200
    return {item["paymentOrderId"] for item in items}


def test_taken_port_is_told(stack: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = stack.caudal(
            "sandbox", "run", "--url", stack.line["ingress_url"], "--count", "1", "--port",
            str(taken.getsockname()[1]), "--ledger", str(stack.home / "never.jsonl"),
        )  # fmt: skip
    assert (ran.returncode, "choose another --port" in ran.stderr) == (1, True)


@pytest.mark.parametrize(
    "misuse",
    [
        ["run", "--losses", "1.5"],
        ["run", "--lives", "5", "--count", "5"],
        ["run", "--lives", "5", "--duration", "5"],
        ["run", "--providers", "stripe"],
        ["run", "--run", "../x"],
        ["sources", "--port", "70000"],
        ["verify", "--wait", "-1"],
    ],
)
def test_misuse_is_told(stack: Stack, misuse: list[str]) -> None:
    assert stack.caudal("sandbox", *misuse).returncode == 2


def test_help_says_what_rests_on_thin_documents() -> None:
    ran = caudal("sandbox", "--help")
    assert ran.returncode == 0
    words = " ".join(ran.stdout.split())
    assert "six of Conectados' seven events" in words
    assert "PayU's notifications" in words
