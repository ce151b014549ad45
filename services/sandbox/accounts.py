"""Who may ask the sandbox what: the credentials of the sources' `api` tables, or those that everybody knows.

`caudal sandbox sources` prints the second kind, so that a stack that was started with its output and
a sandbox without `--sources` understand each other.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from libs.runtime.sources import Source

MERCHANT_ID: Final = "508029"
ACCOUNT_ID: Final = "512321"

# By provider, under the names that the sources file gives them.
DEVELOPMENT: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "clip": {"api_key": "dev-clip-api-key", "secret_key": "dev-clip-secret-key"},
        "mobbex": {"api_key": "dev-mobbex-api-key", "access_token": "dev-mobbex-access-token"},
        "safe2pay": {"token": "dev-safe2pay-api-token"},
        "payu": {
            "api_key": "dev-payu-api-key",
            "api_login": "dev-payu-api-login",
            "public_key": "dev-payu-public-key",
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One merchant's access to one provider."""

    source: str
    provider: str
    credentials: Mapping[str, str] = field(repr=False)
    merchant_id: str = MERCHANT_ID
    account_id: str = ACCOUNT_ID

    def opens_with(self, shown: Mapping[str, str]) -> bool:
        """Whether all of its credentials were shown; an empty one opens nothing."""
        return bool(self.credentials) and all(
            hmac.compare_digest(shown.get(name, "").encode(), secret.encode())
            for name, secret in self.credentials.items()
        )


@dataclass(frozen=True, slots=True)
class Accounts:
    """Every access there is, by provider."""

    by_provider: Mapping[str, tuple[Account, ...]] = field(repr=False)

    def of(self, provider: str) -> tuple[Account, ...]:
        """Return the accounts at one provider."""
        return self.by_provider.get(provider, ())

    def opened(self, provider: str, shown: Mapping[str, str]) -> Account | None:
        """Return the account that these credentials open."""
        return next((each for each in self.of(provider) if each.opens_with(shown)), None)


def accounts_of(sources: Iterable[Source]) -> Accounts:
    """Take the credentials of the sources that have some, and the known ones for the others."""
    found: dict[str, list[Account]] = {}
    for source in sources:
        names = DEVELOPMENT.get(source.provider)
        if names is not None:
            found.setdefault(source.provider, []).append(_account(source, names))
    return Accounts({provider: tuple(accounts) for provider, accounts in found.items()})


def _account(source: Source, known: Mapping[str, str]) -> Account:
    api = source.api
    told = {} if api is None else api.credentials
    return Account(
        source=source.slug,
        provider=source.provider,
        credentials={n: told[n].get_secret_value() for n in known if n in told} or known,
        merchant_id=(api and api.merchant_id) or MERCHANT_ID,
        account_id=(api and api.account_id) or ACCOUNT_ID,
    )
