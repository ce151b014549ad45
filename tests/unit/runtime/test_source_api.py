"""The sources file's tables on asking: what is told, what is not, and each mistake by its key."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_references import SecretReader
from libs.runtime.source_api import Api, Environment
from libs.runtime.sources import Sources, read_sources

CLIP = '[sources.clip-mx]\nprovider = "clip"\nauthentication = { kind = "none" }\n'
KEYS = 'credentials = { api_key = "env:KEY", secret_key = "literal:s" }\n'


def read(text: str, **environment: str) -> Sources:
    return read_sources(text, {"clip", "payu"}, SecretReader(Path("/nowhere"), environment))


def api_of(lines: str, **environment: str) -> Api:
    found = read(f"{CLIP}[sources.clip-mx.api]\n{lines}", **environment).by_slug["clip-mx"].api
    assert found is not None
    return found


def test_source_without_the_table_cannot_be_asked() -> None:
    assert read(CLIP).by_slug["clip-mx"].api is None


def test_everything_that_can_be_told() -> None:
    found = api_of(
        'base_url = "https://api.example.com/x/"\nenvironment = "sandbox"\nmerchant_id = "508029"\n'
        'account_id = "512321"\ncallback_url = "https://hooks.example.com/w?token=t"\n' + KEYS,
        KEY="k",
    )
    assert found.base_url == "https://api.example.com/x"
    assert found.environment is Environment.SANDBOX
    assert (found.merchant_id, found.account_id) == ("508029", "512321")
    assert found.credential("api_key", "clip-mx") == "k"
    assert found.credential("secret_key", "clip-mx") == "s"


def test_credentials_are_not_shown() -> None:
    assert "canary" not in repr(api_of(KEYS, KEY="canary"))


def test_missing_credential_is_named() -> None:
    sources = read(f"{CLIP}[sources.clip-mx.api]\n{KEYS}")
    assert [key for key, _ in sources.warnings] == ["sources.clip-mx.api.credentials.api_key"]
    found = sources.by_slug["clip-mx"].api
    assert found is not None
    with pytest.raises(ConfigurationError) as missing:
        found.credential("api_key", "clip-mx")
    assert missing.value.key == "sources.clip-mx.api.credentials.api_key"


def test_loopback_needs_no_tls() -> None:
    assert api_of('base_url = "http://127.0.0.1:9/clip"').base_url == "http://127.0.0.1:9/clip"


def test_budget_and_schedule_of_a_provider() -> None:
    asking = read(
        CLIP + "[providers.clip]\nrequests_per_second = 0.5\nconcurrency = 3\n"
        'timeout = "1500ms"\n[providers.clip.overdue]\ncard = ["10m", "1h", "2d"]\nfinished = []\n'
    ).asking["clip"]
    assert (asking.requests_per_second, asking.concurrency) == (0.5, 3)
    assert asking.timeout == timedelta(seconds=1.5)
    assert asking.overdue["card"] == (
        timedelta(minutes=10), timedelta(hours=1), timedelta(days=2),
    )  # fmt: skip
    assert asking.overdue["finished"] == ()


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (
            '[sources.clip-mx.api]\nbase_url = "http://api.example.com"',
            "sources.clip-mx.api.base_url",
        ),
        ('[sources.clip-mx.api]\nbase_url = "https://u:p@x.com"', "sources.clip-mx.api.base_url"),
        ('[sources.clip-mx.api]\nbase_url = "https://x.com/?a=1"', "sources.clip-mx.api.base_url"),
        ('[sources.clip-mx.api]\nenvironment = "live"', "sources.clip-mx.api.environment"),
        ('[sources.clip-mx.api]\nmerchant_id = "1/2"', "sources.clip-mx.api.merchant_id"),
        (
            '[sources.clip-mx.api]\ncredentials = { a = "plain" }',
            "sources.clip-mx.api.credentials.a",
        ),
        ("[sources.clip-mx.api]\nurl = 1", "sources.clip-mx.api.url"),
        ("[providers.clip]\nconcurrency = 0", "providers.clip.concurrency"),
        ("[providers.clip]\nrequests_per_second = 0", "providers.clip.requests_per_second"),
        ('[providers.clip]\ntimeout = "soon"', "providers.clip.timeout"),
        ('[providers.clip.overdue]\ncard = ["2h", "1h"]', "providers.clip.overdue.card"),
        ('[providers.clip.overdue]\ncard = ["0s"]', "providers.clip.overdue.card[0]"),
        ("[providers.stripe]\nconcurrency = 1", "providers.stripe"),
    ],
)
def test_mistake_is_named_by_its_key(lines: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        read(f"{CLIP}{lines}\n")
    assert mistake.value.key == key


@pytest.mark.parametrize("name", ["merchant_id", "account_id"])
def test_digits_of_another_script_are_no_number(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        api_of(f'{name} = "\u0665\u0666"\n')
