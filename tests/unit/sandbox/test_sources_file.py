"""The sources file that is printed leads to the sandbox, with credentials that it takes."""

from __future__ import annotations

from pathlib import Path

from libs.providers.registry import PROVIDERS
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Sources, read_sources
from services.sandbox.accounts import DEVELOPMENT, accounts_of
from services.sandbox.sources_file import PATHS, sources_text
from services.simulator.credentials import credentials_from

URL = "http://127.0.0.1:8090"


def sources(text: str) -> Sources:
    return read_sources(text, PROVIDERS, SecretReader(Path.cwd()))


def test_every_api_is_at_the_sandbox() -> None:
    found = {source.slug: source for source in sources(sources_text(URL))}
    assert found.keys() == PROVIDERS.keys()
    for slug, path in PATHS.items():
        api = found[slug].api
        assert api is not None
        assert api.base_url == URL + path
        for name, secret in DEVELOPMENT[slug].items():
            assert api.credential(name, slug) == secret
    assert found["conectados"].api is None


def test_payu_posts_to_the_ingress() -> None:
    api = sources(sources_text(URL, "http://127.0.0.1:9999/")).by_slug["payu"].api
    assert api is not None
    assert api.callback_url == "http://127.0.0.1:9999/webhooks/payu?token=dev-payu-token"
    assert (api.environment, api.merchant_id, api.account_id) == ("sandbox", "508029", "512321")


def test_schedules_are_short_and_for_all() -> None:
    """Also for whom nobody can ask: a person is told of them."""
    asking = sources(sources_text()).asking
    assert asking.keys() == PROVIDERS.keys()
    for told in asking.values():
        assert told.overdue["default"][0].total_seconds() <= 5
        assert told.overdue["finished"]


def test_sandbox_takes_what_it_printed() -> None:
    accounts = accounts_of(sources(sources_text(URL)))
    for provider, known in DEVELOPMENT.items():
        account = accounts.opened(provider, known)
        assert account is not None
        assert account.source == provider


def test_own_credentials_of_a_file_count() -> None:
    text = sources_text(URL).replace("dev-clip-secret-key", "another")
    accounts = accounts_of(sources(text))
    assert accounts.opened("clip", DEVELOPMENT["clip"]) is None
    assert accounts.opened("clip", {**DEVELOPMENT["clip"], "secret_key": "another"})


def test_nothing_opens_nothing() -> None:
    accounts = accounts_of(sources(sources_text(URL)))
    for provider in DEVELOPMENT:
        assert accounts.opened(provider, {}) is None
        assert accounts.opened(provider, dict.fromkeys(DEVELOPMENT[provider], "")) is None


def test_own_credentials_are_read_from_the_file_that_the_stack_has(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(sources_text(URL).replace("dev-clip-secret-key", "another"), encoding="utf-8")
    accounts = accounts_of(credentials_from(file).sources.values())
    assert accounts.opened("clip", {**DEVELOPMENT["clip"], "secret_key": "another"})
    assert accounts.opened("mobbex", DEVELOPMENT["mobbex"])
