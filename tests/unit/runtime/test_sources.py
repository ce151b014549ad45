"""The sources file: what it says is what counts, and each mistake is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.runtime.authentication.kinds import (
    BodyField,
    HeaderToken,
    NoAuthentication,
    QueryToken,
)
from libs.runtime.configuration import ConfigurationError
from libs.runtime.development import DEVELOPMENT_SECRETS, development_sources
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Source, Sources, load_sources, read_sources

PROVIDERS = {"clip", "payu", "mobbex", "conectados", "safe2pay"}
CLIP = '[sources.clip]\nprovider = "clip"\n'
FREE = CLIP + 'authentication = { kind = "none" }\n'


def read(text: str, folder: Path = Path("/nowhere"), **environment: str) -> Sources:
    return read_sources(text, PROVIDERS, SecretReader(folder, environment))


def only(sources: Sources) -> Source:
    (source,) = sources
    return source


def clear(source: Source) -> list[str]:
    return [secret.get_secret_value() for secret in source.secrets]


def token(secrets: str) -> str:
    authentication = f'{{ kind = "query_token", parameter = "token", secrets = {secrets} }}'
    return f"{CLIP}authentication = {authentication}\n"


def test_file_of_the_documentation_reads(tmp_path: Path) -> None:
    secret = tmp_path / "clip"
    secret.write_text("from file\n")
    path = tmp_path / "sources.toml"
    path.write_text(
        f"""
        [sources.safe2pay]                # the slug in the URL
        provider = "safe2pay"
        authentication = {{ kind = "body_field", field = "SecretKey", secrets = ["env:S2P_KEY"] }}
        [sources.clip]
        provider = "clip"
        authentication = {{ kind = "query_token", parameter = "token", secrets = ["file:{secret}"] }}
        [sources.mobbex]
        provider = "mobbex"
        authentication = {{ kind = "none" }}     # must be written out; logged as a warning at start
        [sources.retail]
        provider = "conectados"
        authentication = {{ kind = "header_token", header = "X-T", secrets = ["literal:a:b"] }}
        currency = "CLP"
        timezone = "America/Santiago"
        path = "/hooks/retail"
        aliases = {{ "Pago Listo " = "payment_approved", "anulado" = "payment_voided" }}
        """
    )
    sources = load_sources(path, PROVIDERS, {"S2P_KEY": "from env"})
    assert [source.slug for source in sources] == ["safe2pay", "clip", "mobbex", "retail"]
    by_slug = sources.by_slug
    body_field, query_token = by_slug["safe2pay"].authentication, by_slug["clip"].authentication
    assert isinstance(body_field, BodyField)
    assert body_field.field == "SecretKey"
    assert clear(by_slug["safe2pay"]) == ["from env"]
    assert isinstance(query_token, QueryToken)
    assert query_token.parameter == "token"
    assert clear(by_slug["clip"]) == ["from file"]
    assert by_slug["mobbex"].authentication == NoAuthentication()
    assert not by_slug["mobbex"].closed
    retail = by_slug["retail"]
    assert isinstance(retail.authentication, HeaderToken)
    assert retail.authentication.header == "X-T"
    assert clear(retail) == ["a:b"]
    assert (retail.currency, retail.timezone) == ("CLP", "America/Santiago")
    assert retail.path == "/hooks/retail"
    assert dict(retail.aliases) == {"pago listo": "payment_approved", "anulado": "payment_voided"}
    assert sources.warnings == ()


def test_aliases_read_both_ways() -> None:
    source = only(read(FREE + 'aliases = { known = ["One", " two"], Three = "other" }'))
    assert dict(source.aliases) == {"one": "known", "two": "known", "three": "other"}


def test_several_secrets_are_kept() -> None:
    source = only(read(token('["env:NEW", "literal:old"]'), NEW="new"))
    assert clear(source) == ["new", "old"]


@pytest.mark.parametrize("secret", ["env:UNSET", "env:BLANK", "literal:", "file:empty"])
def test_empty_secret_is_ignored(tmp_path: Path, secret: str) -> None:
    (tmp_path / "empty").write_text("\n")
    sources = read(token(f'["{secret}", "literal:x"]'), tmp_path, BLANK=" ")
    assert clear(only(sources)) == ["x"]
    assert sources.warnings == (("sources.clip.authentication.secrets[0]", "empty secret ignored"),)
    assert not only(sources).closed


def test_only_empty_secrets_close() -> None:
    assert only(read(token('["env:UNSET", "literal:"]'))).closed


def test_relative_file_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s\r\n")
    path = tmp_path / "sources.toml"
    path.write_text(token('["file:secret"]'))
    assert clear(only(load_sources(path, PROVIDERS))) == ["s"]


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("", "sources", "is missing"),
        ("[sources]", "sources", "needs at least 1"),
        ("x = 1\n" + FREE, "x", "unknown key"),
        ('[sources."A b"]', "sources.'A b'", "must match"),
        (f'[sources.{"a" * 64}]', "sources." + "a" * 64, "must match"),
        (CLIP, "sources.clip.authentication", "is missing"),
        ("[sources.clip]\nauthentication = { kind = 'none' }", "sources.clip.provider", "is missing"),
        (FREE.replace('"clip"', '"stripe"'), "sources.clip.provider",
         "must be one of clip, conectados, mobbex, payu, safe2pay"),
        (CLIP + "authentication = 1", "sources.clip.authentication", "must be a table"),
        (CLIP + "authentication = {}", "sources.clip.authentication", "`kind` is missing"),
        (CLIP + 'authentication = { kind = "magic" }', "sources.clip.authentication",
         "`kind` must be one of 'body_field', 'query_token', 'header_token', 'basic', 'bearer', 'hmac', 'standard_webhooks', 'jws_detached', 'ip_allow_list', 'none', 'all_of', 'any_of'"),
        (CLIP + 'authentication = { kind = "none", secrets = [] }',
         "sources.clip.authentication.secrets", "unknown key"),
        (CLIP + 'authentication = { kind = "query_token", secrets = ["literal:x"] }',
         "sources.clip.authentication.parameter", "is missing"),
        (CLIP + 'authentication = { kind = "header_token", header = "X Y", secrets = ["literal:x"] }',
         "sources.clip.authentication.header", "must match"),
        (token("[]"), "sources.clip.authentication.secrets", "needs at least 1"),
        (token('"literal:hunter2"'), "sources.clip.authentication.secrets", "must be a list"),
        (token('["literal:x", 5]'), "sources.clip.authentication.secrets[1]", "must be text"),
        (token('["literal:x", "hunter2"]'), "sources.clip.authentication.secrets[1]",
         "must be env:NAME, file:PATH or literal:VALUE"),
        (token('["vault:hunter2"]'), "sources.clip.authentication.secrets[0]", "must be env:NAME"),
        (token('["env:"]'), "sources.clip.authentication.secrets[0]", "env: names nothing"),
        (token('["file:/no/such/file"]'), "sources.clip.authentication.secrets[0]",
         "file not found: /no/such/file"),
        (token('["file:/"]'), "sources.clip.authentication.secrets[0]", "cannot be read"),
        (FREE + 'curency = "BRL"', "sources.clip.curency", "unknown key"),
        (FREE + 'currency = "brl"', "sources.clip.currency", "three capital letters"),
        (FREE + "currency = 986", "sources.clip.currency", "must be text"),
        (FREE + 'timezone = "Mars/Olympus"', "sources.clip.timezone", "IANA"),
        (FREE + 'timezone = "America"', "sources.clip.timezone", "IANA"),
        (FREE + 'timezone = "../etc/passwd"', "sources.clip.timezone", "IANA"),
        (FREE + 'path = "hooks"', "sources.clip.path", "absolute path"),
        (FREE + 'path = "/a?b"', "sources.clip.path", "absolute path"),
        (FREE + 'path = "/{a}"', "sources.clip.path", "absolute path"),
        (FREE + 'path = "/a/../b"', "sources.clip.path", "absolute path"),
        (FREE + 'path = "/webhooks/x"', "sources.clip.path", "must not lie under /webhooks"),
        (FREE + 'path = "/health"', "sources.clip.path", "must not lie under /health"),
        (FREE + 'path = "/a"\n' + FREE.replace(".clip", ".other") + 'path = "/a/"',
         "sources.other.path", "is the path of sources.clip already"),
        (FREE + "aliases = 1", "sources.clip.aliases", "must be a table"),
        (FREE + "aliases = { a = 1 }", "sources.clip.aliases", "'a' must be text"),
        (FREE + 'aliases = { a = "b", c = ["A"] }', "sources.clip.aliases", "leads to two names"),
        (FREE + 'aliases = { a = " " }', "sources.clip.aliases", "'a' has an empty name"),
        ("[sources", "sources", "not TOML"),
    ],
)  # fmt: skip
def test_mistake_is_named(text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(text)
    assert raised.value.key == key
    assert message in raised.value.message
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_secret_file_must_be_text(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read(token('["file:secret"]'), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "not found"), (b"\xff", "UTF-8"), (b"= 1", "not TOML")]
)
def test_unreadable_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "sources.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as raised:
        load_sources(path, PROVIDERS)
    assert raised.value.key == str(path)
    with pytest.raises(ConfigurationError):
        load_sources(tmp_path, PROVIDERS)


def test_secrets_are_never_shown() -> None:
    sources = read(token('["literal:hunter2"]'))
    assert "hunter2" not in repr(sources)
    assert "hunter2" not in repr(only(sources).authentication)


def test_development_sources_read() -> None:
    sources = read(development_sources())
    assert {source.provider for source in sources} == PROVIDERS
    assert {source.slug for source in sources} == PROVIDERS == {*DEVELOPMENT_SECRETS}
    for source in sources:
        (secret,) = clear(source)
        assert secret in DEVELOPMENT_SECRETS[source.slug]
    assert sources.warnings == ()
