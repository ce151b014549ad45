"""Which account is meant, which of PayU's worlds it lives in, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from libs.api.http import Http
from libs.providers.payu.client import ADDRESSES, Account, PayU
from libs.runtime.configuration import ConfigurationError
from libs.runtime.source_api import Api, Environment
from libs.runtime.sources import Source, Sources

PROVIDER: Final = "payu"
_TIMEOUT: Final = 30.0  # seconds; a list of payouts takes its time
_CONNECTIONS: Final = 4
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One account, in one world."""

    source: Source
    account: Account
    environment: Environment
    address: str
    timeout: float = _TIMEOUT
    connections: int = _CONNECTIONS

    @property
    def api(self) -> Api:
        """The table of the sources file."""
        assert self.source.api is not None  # noqa: S101 - `connection_of` has looked
        return self.source.api

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, whoever repeats it."""
        return self.account.api_key, self.account.api_login, self.account.public_key

    @asynccontextmanager
    async def client(self) -> AsyncIterator[PayU]:
        """Give a client, and close it."""
        http = Http(self.address, timeout=self.timeout, connections=self.connections)
        try:
            yield PayU(http, self.account)
        finally:
            await http.close()


def connection_of(
    sources: Sources, slug: str | None, environment: Environment | None
) -> Connection:
    """Choose the account; `environment` wins over the file's. Raises `ConfigurationError`."""
    source = source_of(sources, slug)
    api, at = _api(source), f"sources.{source.slug}.api"
    told = {"merchant_id": api.merchant_id, "account_id": api.account_id}
    for name, value in told.items():
        if value is None:
            raise ConfigurationError(f"{at}.{name}", "is missing")
    account = Account(
        merchant_id=api.merchant_id or "",
        account_id=api.account_id or "",
        api_key=api.credential("api_key", source.slug),
        api_login=api.credential("api_login", source.slug),
        public_key=api.credential("public_key", source.slug),
    )
    asking = sources.asking.get(PROVIDER)
    world, address = _world(api, environment, at)
    return Connection(
        source=source,
        account=account,
        environment=world,
        address=address,
        timeout=asking.timeout.total_seconds() if asking and asking.timeout else _TIMEOUT,
        connections=(asking and asking.concurrency) or _CONNECTIONS,
    )


def environment_of(source: Source, told: Environment | None) -> Environment | None:
    """Return the world that a source's account lives in, as `connection_of` does; None without one."""
    if source.api is None:
        return told
    return _world(source.api, told, f"sources.{source.slug}.api")[0]


def source_of(sources: Sources, slug: str | None) -> Source:
    """Choose the source: the one that is named, else the only one of PayU with a table `api`."""
    if slug is not None:
        found = sources.by_slug.get(slug)
        if found is None or found.provider != PROVIDER:
            raise ConfigurationError(f"sources.{slug}", "is no source of payu")
        return found
    candidates = [s for s in sources if s.provider == PROVIDER and s.api is not None]
    if not candidates:
        raise ConfigurationError("sources", "none of payu has a table `api`")
    if len(candidates) > 1:
        names = ", ".join(source.slug for source in candidates)
        raise ConfigurationError("--source", f"must name one of {names}")
    return candidates[0]


def _api(source: Source) -> Api:
    if source.api is None:
        raise ConfigurationError(f"sources.{source.slug}.api", "is missing")
    return source.api


def _world(api: Api, told: Environment | None, at: str) -> tuple[Environment, str]:
    """Return which world it is and where it answers.

    The host decides where it is one of PayU's own; a host of one's own that is not this machine
    counts as production unless it is told otherwise. Without anything told it is the sandbox.
    """
    if api.base_url is None:
        world = told or api.environment or Environment.SANDBOX
        return world, ADDRESSES[world.value]
    host = urlsplit(api.base_url).hostname
    known = {urlsplit(address).hostname: Environment(name) for name, address in ADDRESSES.items()}
    if host in known:
        if (told or known[host]) is not known[host]:
            raise ConfigurationError(f"{at}.base_url", f"is the address of the {known[host].value}")
        return known[host], api.base_url
    otherwise = Environment.SANDBOX if host in _LOOPBACK else Environment.PRODUCTION
    return told or api.environment or otherwise, api.base_url
