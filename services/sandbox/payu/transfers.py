"""A request for payouts, item by item: what succeeds becomes a payout, what fails says why.

Partial success is a normal answer, with HTTP 200; the shape is that of the documentation's example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from services.sandbox.payu.bank_accounts import BankAccount, BankAccounts, shown_fields
from services.sandbox.payu.payees import faults_of
from services.simulator.names import Names


@dataclass(frozen=True, slots=True)
class Wanted:
    """One payout that can be made."""

    names: Names
    value: Decimal
    description: str | None
    account: BankAccount = field(repr=False)


def request_payouts(
    transfers: list[Any], accounts: BankAccounts, name: Callable[[], Names]
) -> tuple[dict[str, Any], list[Wanted]]:
    """Return the answer, and what is to become a payout; `name` gives each a name of its own."""
    made: list[Wanted] = []
    succeeded, failed = [], []
    for item in transfers:
        told = item if isinstance(item, Mapping) else {}
        messages = _faults(told, accounts)
        if messages:
            failed.append(_failed(told, messages))
            continue
        names = name()
        wanted = Wanted(
            names, _value(told), told.get("description"), _account(told, accounts, names)
        )
        made.append(wanted)
        succeeded.append(_succeeded(wanted))
    answer = {
        "totalSuccessful": len(succeeded),
        "totalFailed": len(failed),
        "successfulItems": succeeded,
        "failedItems": failed,
    }
    return answer, made


def _faults(told: Mapping[str, Any], accounts: BankAccounts) -> list[str]:
    value, account = told.get("value"), told.get("bankAccount")
    found = []
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        found.append("The field value is required")
    elif value <= 0 or value != round(value, 2):
        found.append("The field value is not valid")
    if not isinstance(account, Mapping):
        found.append("The field bankAccount is required")
    elif account.get("id") is None:
        found += faults_of(account)
    elif accounts.get(str(account["id"])) is None:
        found.append(f"There is no registered bank account with id: {account['id']}")
    return found


def _account(told: Mapping[str, Any], accounts: BankAccounts, names: Names) -> BankAccount:
    account = told["bankAccount"]
    known = accounts.get(str(account["id"])) if account.get("id") is not None else None
    return known or accounts.register(account, names)


def _value(told: Mapping[str, Any]) -> Decimal:
    return Decimal(told["value"]).quantize(Decimal("0.01"))


def _succeeded(wanted: Wanted) -> dict[str, Any]:
    told: dict[str, Any] = {
        "processingStatus": "SUCCESS",
        "paymentOrderId": wanted.names.uuid("payout"),
        "value": wanted.value,
        "bankAccount": wanted.account.shown(),
    }
    return told | ({} if wanted.description is None else {"description": wanted.description})


def _failed(told: Mapping[str, Any], messages: list[str]) -> dict[str, Any]:
    account = told.get("bankAccount")
    fields = shown_fields(account) if isinstance(account, Mapping) else {}
    failed: dict[str, Any] = {
        "processingStatus": "FAILED",
        "failureMessages": messages,
        "value": told.get("value"),
        "bankAccount": {"processingStatus": "FAILED", **fields},
    }
    described = told.get("description")
    return failed | ({} if described is None else {"description": described})
