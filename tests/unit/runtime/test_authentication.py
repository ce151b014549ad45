"""The kinds of authentication as the sources file writes them, and what is said of mistakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from libs.providers.registry import PROVIDERS
from libs.runtime.authentication import kinds
from libs.runtime.authentication.kinds import Algorithm, Encoding, JwsAlgorithm
from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Source, load_sources, read_sources
from services.ingress.doors import build_doors

ROOT = Path(__file__).parents[3]


def source(authentication: str) -> Source:
    text = f'[sources.a]\nprovider = "clip"\nauthentication = {authentication}\n'
    return read_sources(text, PROVIDERS, SecretReader(Path(), {"SET": "s3cret"})).by_slug["a"]


def values(found: Source) -> list[str]:
    return [one.get_secret_value() for one in found.secrets]


def test_secrets_have_their_time() -> None:
    found = source(
        '{ kind = "bearer", secrets = ["env:SET", { secret = "literal:old", '
        "not_before = 2025-01-01T00:00:00Z, not_after = 2026-01-01T00:00:00-03:00 }] }"
    )
    assert values(found) == ["s3cret", "old"]
    assert [one.always for one in found.secrets] == [True, False]
    end = datetime(2026, 1, 1, 3, tzinfo=UTC)
    assert found.secrets[1].not_after == end
    assert found.secrets[1].holds_at(end - timedelta(seconds=1))
    assert not found.secrets[1].holds_at(end)


def test_every_key_of_an_hmac() -> None:
    found = source(
        '{ kind = "hmac", header = "X-S", secrets = ["env:SET"], algorithm = "sha512", '
        'encoding = "base64", prefix = "v1=", key_encoding = "text", separator = ":", '
        'timestamp = { header = "X-T", tolerance = 60 } }'
    ).authentication
    assert isinstance(found, kinds.Hmac)
    assert (found.algorithm, found.encoding) == (Algorithm.SHA512, Encoding.BASE64)
    assert (found.prefix, found.separator) == ("v1=", ":")
    assert found.timestamp == kinds.SignedTime("X-T", timedelta(seconds=60))


def test_parts_of_a_composition() -> None:
    found = source(
        '{ kind = "all_of", of = ['
        '{ kind = "ip_allow_list", networks = ["192.0.2.1", "2001:db8::/32"] },'
        '{ kind = "any_of", of = [{ kind = "basic", username = "u", secrets = ["env:SET"] },'
        '{ kind = "standard_webhooks", secrets = ["literal:whsec_AAAA"] }] }] }'
    )
    assert isinstance(found.authentication, kinds.AllOf)
    addresses, inner = found.authentication.of
    assert addresses == kinds.IpAllowList((ip_network("192.0.2.1/32"), ip_network("2001:db8::/32")))
    assert isinstance(inner, kinds.AnyOf)
    assert values(found) == ["s3cret", "whsec_AAAA"]
    assert not found.closed


@pytest.mark.parametrize(
    ("authentication", "closed"),
    [
        ('{ kind = "bearer", secrets = ["env:NOT_SET"] }', True),
        (
            '{ kind = "any_of", of = [{ kind = "bearer", secrets = ["env:NOT_SET"] }, { kind = "none" }] }',
            False,
        ),
        (
            '{ kind = "all_of", of = [{ kind = "bearer", secrets = ["env:NOT_SET"] }, { kind = "none" }] }',
            True,
        ),
        ('{ kind = "ip_allow_list", networks = ["192.0.2.1"] }', False),
        ('{ kind = "jws_detached", header = "X-J", certificates = ["env:NOT_SET"] }', True),
    ],
)
def test_closed_where_nobody_can_be_let_in(authentication: str, *, closed: bool) -> None:
    assert source(authentication).closed is closed


@pytest.mark.parametrize(
    ("authentication", "key", "words"),
    [
        ('{ kind = "hmac", header = "X S", secrets = ["env:SET"] }', ".header", "must match"),
        ('{ kind = "hmac", header = "X", secrets = ["env:SET"], algorithm = "md5" }', ".algorithm", "sha256"),
        ('{ kind = "hmac", header = "X", secrets = ["env:SET"], encoding = "text" }', ".encoding", "hex"),
        ('{ kind = "hmac", header = "X", secrets = ["env:SET"], timestamp = { header = "T", tolerance = 0 } }',
         ".timestamp.tolerance", "second"),
        ('{ kind = "hmac", header = "X", secrets = ["env:SET"], timestamp = { header = "T", tolerance = "5" } }',
         ".timestamp.tolerance", "whole number of seconds"),
        ('{ kind = "bearer", secrets = [{ secret = "hunter2" }] }', ".secrets[0]", "must be env:NAME"),
        ('{ kind = "bearer", secrets = [{ secret = "env:SET", until = 5 }] }', ".secrets[0].until", "unknown key"),
        ('{ kind = "bearer", secrets = [{ secret = "env:SET", not_after = 2026-01-01T00:00:00 }] }',
         ".secrets[0].not_after", "time"),
        ('{ kind = "bearer", secrets = [{ secret = "env:SET", not_before = 2026-01-02, not_after = 2026-01-01 }] }'.replace("-02", "-02T00:00:00Z").replace("01-01", "01-01T00:00:00Z"), ".secrets[0]", "not_before must come before"),
        ('{ kind = "ip_allow_list", networks = ["192.0.2.1/24"] }', ".networks[0]", "network"),
        ('{ kind = "ip_allow_list", networks = [] }', ".networks", "at least 1"),
        ('{ kind = "jws_detached", header = "X", algorithms = ["none"], certificates = ["env:SET"] }',
         ".algorithms[0]", "PS256"),
        ('{ kind = "any_of", of = [{ kind = "none" }] }', ".of", "at least 2"),
        ('{ kind = "any_of", of = [{ kind = "none" }, { kind = "bearer", secrets = ["hunter2"] }] }',
         ".of[1].secrets[0]", "must be env:NAME"),
        ('{ kind = "any_of", of = [{ kind = "none" }, { kind = "wave" }] }', ".of[1]", ""),
        ('{ kind = "basic", username = "a:b", secrets = ["env:SET"] }', ".username", ""),
    ],
)  # fmt: skip
def test_mistake_is_named_by_its_key(authentication: str, key: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        source(authentication)
    assert caught.value.key == f"sources.a.authentication{key}"
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        (
            '{ kind = "hmac", header = "X", secrets = ["literal:hunter2"], key_encoding = "hex" }',
            "hex",
        ),
        ('{ kind = "standard_webhooks", secrets = ["literal:whsec_hunter2!"] }', "whsec_"),
        ('{ kind = "jws_detached", header = "X", certificates = ["literal:hunter2"] }', "PEM"),
    ],
)
def test_key_that_cannot_be_read_is_a_mistake_at_start(authentication: str, words: str) -> None:
    text = f'[sources.a]\nprovider = "clip"\nauthentication = {authentication}\n'
    with pytest.raises(ConfigurationError, match=words) as caught:
        build_doors(read_sources(text, PROVIDERS, SecretReader(Path(), {})), PROVIDERS)
    assert caught.value.key == "sources.a.authentication"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "deploy/sources").glob("*.toml")), ids=lambda p: p.stem
)
def test_set_up_that_is_shipped_can_be_used(path: Path, tmp_path: Path) -> None:
    from tests.unit.ingress.authentication.test_jws import PINNED, pem  # noqa: PLC0415 - makes a key

    (tmp_path / "conectados.pem").write_text(pem(PINNED))
    (tmp_path / path.name).write_text(path.read_text())
    told = {f"{path.stem.upper()}_{word}": "s3cret" for word in ("TOKEN", "SECRET_KEY")}
    sources = load_sources(tmp_path / path.name, PROVIDERS, told)
    [found] = build_doors(sources, PROVIDERS).by_slug.values()
    assert found.source.provider == path.stem
    assert not found.source.closed
    assert sources.warnings == ()
    if path.stem == "conectados":
        [signed] = [
            part
            for part in kinds.parts(found.source.authentication)
            if isinstance(part, kinds.JwsDetached)
        ]
        assert signed.algorithms == (JwsAlgorithm.PS256,)
