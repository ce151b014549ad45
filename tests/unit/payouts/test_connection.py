"""Which account, and which of PayU's worlds: production is never reached by mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from libs.providers.registry import PROVIDERS
from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_references import SecretReader
from libs.runtime.source_api import Environment
from libs.runtime.sources import Sources, read_sources
from services.payouts.connection import connection_of

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
ALL = 'merchant_id = "1"\naccount_id = "2"\n'
KEYS = (
    'credentials = { api_key = "literal:k", api_login = "literal:l", public_key = "literal:p" }\n'
)


def sources(api: str = ALL + KEYS, slug: str = "payu", more: str = "") -> Sources:
    text = (
        f'[sources.{slug}]\nprovider = "payu"\nauthentication = {{ kind = "none" }}\n'
        f"[sources.{slug}.api]\n{api}\n{more}"
    )
    return read_sources(text, PROVIDERS, SecretReader(Path(), {}))


@pytest.mark.parametrize(
    ("written", "told", "environment", "host"),
    [
        ("", None, SANDBOX, "sandbox-transfers.payulatam.com"),
        ("", PRODUCTION, PRODUCTION, "transfers.payulatam.com"),
        ('environment = "production"', None, PRODUCTION, "transfers.payulatam.com"),
        ('environment = "production"', SANDBOX, SANDBOX, "sandbox-transfers.payulatam.com"),
        ('base_url = "http://127.0.0.1:1/x"', None, SANDBOX, "127.0.0.1:1"),
        ('base_url = "http://127.0.0.1:1/x"', PRODUCTION, PRODUCTION, "127.0.0.1:1"),
        ('base_url = "https://proxy.example.com"', None, PRODUCTION, "proxy.example.com"),
        (
            'base_url = "https://proxy.example.com"\nenvironment = "sandbox"',
            None,
            SANDBOX,
            "proxy.example.com",
        ),
        (
            'base_url = "https://transfers.payulatam.com/v2.0"\nenvironment = "sandbox"',
            None,
            PRODUCTION,
            "transfers.payulatam.com",
        ),
    ],
)
def test_world(written: str, told: Environment | None, environment: Environment, host: str) -> None:
    found = connection_of(sources(ALL + KEYS + written), None, told)
    assert (found.environment, re.split("/+", found.address)[1]) == (environment, host)


def test_production_address_is_no_sandbox() -> None:
    written = sources(ALL + KEYS + 'base_url = "https://transfers.payulatam.com/v2.0"')
    with pytest.raises(ConfigurationError, match="address of the production"):
        connection_of(written, None, SANDBOX)


@pytest.mark.parametrize(
    ("api", "key"),
    [
        (KEYS, "sources.payu.api.merchant_id"),
        ('merchant_id = "1"\n' + KEYS, "sources.payu.api.account_id"),
        (ALL, "sources.payu.api.credentials.api_key"),
    ],
)
def test_what_is_missing_is_named(api: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(key)):
        connection_of(sources(api), None, None)


def test_source_is_the_only_one_or_named() -> None:
    other = '[sources.b]\nprovider = "payu"\nauthentication = { kind = "none" }\n'
    assert connection_of(sources(more=other), None, None).source.slug == "payu"
    with pytest.raises(ConfigurationError, match=r"sources\.b\.api"):
        connection_of(sources(more=other), "b", None)
    with pytest.raises(ConfigurationError, match=r"sources\.c"):
        connection_of(sources(more=other), "c", None)
    both = sources(more=f"{other}[sources.b.api]\n{ALL}{KEYS}")
    with pytest.raises(ConfigurationError, match="payu, b"):
        connection_of(both, None, None)
    assert connection_of(both, "b", None).source.slug == "b"


def test_budget_of_the_provider_counts() -> None:
    more = '[providers.payu]\ntimeout = "7s"\nconcurrency = 3\n'
    found = connection_of(sources(more=more), None, None)
    assert (found.timeout, found.connections) == (7, 3)
    assert "literal" not in repr(found)
    assert "api_key" not in repr(found.account)
