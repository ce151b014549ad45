"""Who somebody is follows from their token; what is wrong with one is said without it."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import load_settings
from services.admin.tokens import Tokens, load_tokens

ANA, BEN = "a" * 32, "b" * 32
TOKENS = Tokens({"ana": ANA, "ben": BEN})


@pytest.fixture(autouse=True)
def _no_caudal_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CAUDAL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("shown", "who"),
    [
        (f"Bearer {ANA}", "ana"),
        (f"bearer  {BEN} ", "ben"),
        (None, None),
        ("", None),
        (ANA, None),
        (f"Basic {ANA}", None),
        (f"Bearer {ANA[:-1]}", None),
        (f"Bearer {ANA}a", None),
        (f"Bearer {ANA},{BEN}", None),
        (f"Bearer ana:{ANA}", None),
        ("Bearer ", None),
        ("Bearer \udcff", None),
    ],
)
def test_who(shown: str | None, who: str | None) -> None:
    assert TOKENS.who(shown) == who


@given(st.integers(0, 31), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_other_character_lets_nobody_in(at: int, other: str) -> None:
    changed = ANA[:at] + other + ANA[at + 1 :]
    assert TOKENS.who(f"Bearer {changed}") == ("ana" if changed == ANA else None)


def test_every_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    really = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return really(one, other)

    monkeypatch.setattr("services.admin.tokens.hmac.compare_digest", compare)
    for shown in (f"Bearer {ANA}", "Bearer x", "Basic x"):
        compared.clear()
        TOKENS.who(shown)
        assert compared == [32, 32]


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ("", "must be set"),
        (ANA, "number 1 must be name:token"),
        (f":{ANA}", "number 1 must be name:token"),
        (f"ana maria:{ANA}", "number 1 must be name:token"),
        (f"ana:{ANA[:23]}", "ana must have 24"),
        (f"ana:{ANA},ana:{BEN}", "ana or its token stands twice"),
        (f"ana:{ANA},ben:{ANA}", "ben or its token stands twice"),
        (",", "has no name:token"),
    ],
)
def test_unusable_tokens(monkeypatch: pytest.MonkeyPatch, told: str, match: str) -> None:
    monkeypatch.setenv("CAUDAL_ADMIN_TOKEN", told)
    with pytest.raises(ConfigurationError, match=match) as caught:
        load_tokens(load_settings())
    assert ANA[:20] not in str(caught.value)


def test_several_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"ana:{ANA}\nben:{BEN}\n")
    monkeypatch.setenv("CAUDAL_ADMIN_TOKEN_FILE", str(path))
    found = load_tokens(load_settings())
    assert [found.who(f"Bearer {each}") for each in (ANA, BEN)] == ["ana", "ben"]
    monkeypatch.setenv("CAUDAL_ADMIN_TOKEN", f"ana:{ANA}")
    with pytest.raises(ConfigurationError, match="excludes"):
        load_tokens(load_settings())


def test_settings_show_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUDAL_ADMIN_TOKEN", f"ana:{ANA}")
    assert ANA not in repr(load_settings())
