"""The bank accounts of payees: registered with the first payout, named by their id afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from services.sandbox.payu.banks import BANKS, bank_code
from services.sandbox.payu.payees import DATES, Fields, day_of
from services.simulator.names import Names

# In the order in which an answer has them.
_ECHOED: Final[tuple[str, ...]] = (
    "supplierType", "accountNumber", "bankCode", "bankName", "accountType", "country",
    "documentNumber", "documentType", "expeditionDate", "fullName", "birthDate", "state",
)  # fmt: skip
_ONE_DAY: Final = timedelta(days=1)

# The registered payee of the documentation's example, under both ids that it has there.
_OF_THE_EXAMPLE: Final = {
    "supplierType": "RELATED_THIRD_PARTY", "accountNumber": "0200005555", "bankCode": "013",
    "accountType": "CA", "country": "CO", "documentNumber": "81856522", "documentType": "CC",
    "expeditionDate": "2002-02-18", "fullName": "Jorge Gutierrez", "birthDate": "1986-02-12",
}  # fmt: skip
EXAMPLE_IDS: Final = (
    "e202507e-5551-4b67-be2a-a2a834bf1438",
    "8f425a79-3f15-4e64-a1bf-2f7c087587ec",
)


@dataclass(frozen=True, slots=True)
class BankAccount:
    """One registered account; `told` is what it was registered with."""

    id: str
    told: Fields = field(repr=False)

    def shown(self) -> dict[str, Any]:
        """Return it as a successful item has it: numbers as text, midnight of Bogotá in UTC.

        The dates come back a day early: PayU takes midnight in UTC for a moment in Colombia.
        """
        fields = shown_fields(self.told) | {"bankName": BANKS[bank_code(self.told["bankCode"])]}
        fields |= {name: _early(fields[name]) for name in DATES if name in fields}
        fields["state"] = "ACTIVE"
        ordered: dict[str, Any] = {name: fields[name] for name in _ECHOED if name in fields}
        return {"processingStatus": "SUCCESS", "id": self.id, **ordered}


class BankAccounts:
    """Every account that is registered."""

    def __init__(self) -> None:
        example = MappingProxyType(_OF_THE_EXAMPLE)
        self._by_id = {each: BankAccount(each, example) for each in EXAMPLE_IDS}

    def get(self, account_id: str) -> BankAccount | None:
        """Return an account by its id."""
        return self._by_id.get(account_id)

    def register(self, told: Fields, names: Names) -> BankAccount:
        """Register a new payee."""
        account = BankAccount(names.uuid("account"), MappingProxyType(dict(told)))
        self._by_id[account.id] = account
        return account

    def update(self, account_id: str, told: Fields) -> bool:
        """Change the number or the bank of an account; tell whether there is one."""
        account = self._by_id.get(account_id)
        if account is None:
            return False
        changes = {name: told[name] for name in ("accountNumber", "bankCode") if name in told}
        changed = MappingProxyType({**account.told, **changes})
        self._by_id[account_id] = replace(account, told=changed)
        return True


def shown_fields(told: Fields) -> dict[str, Any]:
    """Return what was told as an answer repeats it: numbers as text, dates as midnight in UTC."""
    found = {name: told[name] for name in _ECHOED if told.get(name) is not None}
    for name in ("accountNumber", "documentNumber", "bankCode"):
        if name in found:
            found[name] = str(found[name])
    for name in DATES:
        if day := day_of(found.get(name)):
            found[name] = f"{day.isoformat()}T00:00:00.000+00:00"
    return found


def _early(moment: str) -> str:
    day = date.fromisoformat(moment[:10]) - _ONE_DAY
    return f"{day.isoformat()}T05:00:00.000+00:00"
