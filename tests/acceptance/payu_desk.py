"""What an operator does with payouts, by commands, and documents of payouts for that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.acceptance.stack import Ran, Request, Stack, source
from tests.payu_api import ACCOUNT, KEY, LOGIN, MERCHANT, PUBLIC, PayUApi
from tests.processes import wait_until

SECONDS: Final = 60.0
DONE, FAILED, MISUSED, PARTLY, UNKNOWN = range(5)
CANARY: Final = "canary"
Json = Any
PERSONAL: Final = ("Canary Fullname", "5500000055", "1026304116")


def sources_of(api: PayUApi, more: str = "") -> str:
    table = source("payu", "payu", '{ kind = "none" }')
    return table + (
        f'[sources.payu.api]\nbase_url = "{api.url}"\nmerchant_id = "{MERCHANT}"\n'
        f'account_id = "{ACCOUNT}"\n'
        'callback_url = "https://hooks.example.com/webhooks/payu?token=canary-callback"\n'
        f'credentials = {{ api_key = "literal:{KEY}", api_login = "literal:{LOGIN}", '
        f'public_key = "literal:{PUBLIC}" }}\n{more}'
    )


def payu(stack: Stack, *arguments: str, code: int = DONE) -> Ran:
    ran = stack.caudal("payu", *arguments, *located(stack, arguments))
    assert ran.returncode == code, f"{arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    for secret in (CANARY, *PERSONAL):
        assert secret not in ran.stdout + ran.stderr
    return ran


def located(stack: Stack, arguments: tuple[str, ...]) -> tuple[str, ...]:
    alone = arguments[:2] in {("payouts", "requests"), ("payouts", "resolve")}
    return () if alone else ("--sources", str(stack.home / "sources.toml"))


def told(stack: Stack, *arguments: str, code: int = DONE) -> Json:
    return json.loads(payu(stack, *arguments, "--json", code=code).stdout)


def document(folder: Path, *transfers: Json) -> str:
    path = folder / "payouts.json"
    path.write_text(json.dumps({"transfers": transfers}))
    return str(path)


def known(value: int, description: str, payee: str = "e202507e-5551") -> Json:
    return {"value": value, "description": description, "bankAccount": {"id": payee}}


def new(value: int, description: str, bank: str = "007") -> Json:
    return {
        "value": value,
        "description": description,
        "bankAccount": {
            "supplierType": "RELATED_PROVIDER",
            "accountNumber": PERSONAL[1],
            "bankCode": bank,
            "accountType": "CA",
            "country": "CO",
            "documentType": "CC",
            "documentNumber": PERSONAL[2],
            "fullName": PERSONAL[0],
        },
    }


def payout(stack: Stack, ref: str) -> Json | None:
    return next((o for o in stack.objects("--source", "payu") if o["provider_ref"] == ref), None)


def becomes(stack: Stack, ref: str, state: str) -> Json:
    def is_so() -> bool:
        found = payout(stack, ref)
        return found is not None and found["state"] == state

    assert wait_until(is_so, seconds=SECONDS), (ref, payout(stack, ref))
    return payout(stack, ref)


def notify(stack: Stack, ref: str, **fields: Json) -> None:
    body = {"pushPaymentId": ref, "currency": "COP", **fields}
    answer = stack.send(Request("/webhooks/payu/TRANSFER_UPDATE", json.dumps(body).encode()))
    assert answer.status == 200
