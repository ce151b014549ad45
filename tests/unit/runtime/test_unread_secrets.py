"""Who only wants to know which sources there are reads no secret, and misses none."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_references import UnreadSecrets
from libs.runtime.sources import load_sources

_FILE = """
[sources.shop]
provider = "clip"
authentication = { kind = "query_token", parameter = "token", secrets = ["file:not-there", "literal:hush"] }
"""


def test_missing_secret_is_no_error_and_a_present_one_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(_FILE)
    with pytest.raises(ConfigurationError, match="file not found"):
        load_sources(path, ["clip"])
    found = load_sources(path, ["clip"], reader=UnreadSecrets)
    assert [(source.slug, source.provider) for source in found] == [("shop", "clip")]
    secrets = [secret.get_secret_value() for secret in found.by_slug["shop"].secrets]
    assert "hush" not in secrets
