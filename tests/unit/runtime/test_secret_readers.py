"""Each process reads the secrets of the sources file that it needs, and does not miss the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_references import OwnCredentials, SecretReader, SendersSecrets
from libs.runtime.sources import Source, load_sources

_FILE = """
[sources.api]
provider = "clip"
authentication = {{ kind = "query_token", parameter = "token", secrets = ["{shown_to_us}"] }}
[sources.api.api]
credentials = {{ api_key = "{shown_to_them}", secret_key = "literal:{{}}" }}
"""


def read(folder: Path, to_us: str, to_them: str, reader: type[SecretReader]) -> Source:
    path = folder / "sources.toml"
    path.write_text(_FILE.format(shown_to_us=to_us, shown_to_them=to_them))
    [source] = load_sources(path, ["clip"], reader=reader)
    return source


def secrets_of(source: Source) -> tuple[str, str]:
    assert source.api is not None
    [ours] = source.secrets
    return ours.get_secret_value(), source.api.credential("api_key", source.slug)


def test_ingress_reads_what_senders_show_alone(tmp_path: Path) -> None:
    source = read(tmp_path, "literal:sesame", "file:not-there", SendersSecrets)
    assert secrets_of(source) == ("sesame", "unread")
    with pytest.raises(ConfigurationError, match=r"authentication.secrets\[0\]: file not found"):
        read(tmp_path, "file:not-there", "literal:key", SendersSecrets)


def test_who_asks_reads_what_providers_see_alone(tmp_path: Path) -> None:
    source = read(tmp_path, "file:not-there", "literal:key", OwnCredentials)
    assert secrets_of(source) == ("unread", "key")
    with pytest.raises(ConfigurationError, match=r"credentials\.api_key: file not found"):
        read(tmp_path, "literal:sesame", "file:not-there", OwnCredentials)


def test_empty_secret_is_still_a_closed_door(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    assert read(tmp_path, "file:empty", "file:not-there", SendersSecrets).closed
