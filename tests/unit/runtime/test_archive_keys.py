"""Keys as an operator writes them; what is wrong with one is said, and nothing of it is shown."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from libs.runtime.archive_keys import fresh_key, key_ring, keys_are_told, read_keys
from libs.runtime.configuration import ConfigurationError
from libs.runtime.key_ring import KeyRing
from libs.runtime.settings import load_settings

ONE, TWO = bytes(range(32)), bytes([251, 255, 254, *range(29)])
STANDARD = base64.b64encode(TWO).decode()
URLSAFE = base64.urlsafe_b64encode(TWO).decode()


@pytest.fixture(autouse=True)
def _no_caudal_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CAUDAL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "written",
    [TWO.hex(), TWO.hex().upper(), STANDARD, URLSAFE, STANDARD.rstrip("="), URLSAFE.rstrip("=")],
)
def test_key_has_several_spellings(written: str) -> None:
    assert "+" in STANDARD
    assert read_keys(written) == (TWO,)


@pytest.mark.parametrize("between", [",", " , ", "\n", ",\n", " "])
def test_order_is_kept(between: str) -> None:
    assert read_keys(f"{ONE.hex()}{between}{STANDARD}\n") == (ONE, TWO)


def test_fresh_key_is_one() -> None:
    made = {fresh_key() for _ in range(50)}
    assert len(read_keys(",".join(made))) == 50


@pytest.mark.parametrize(
    "wrong",
    [
        "secret-word",
        ONE.hex()[:-2],
        ONE.hex() + "00",
        base64.b64encode(ONE[:31]).decode(),
        base64.b64encode(ONE + b"x").decode(),
        ONE.hex()[:-1] + "x",
        STANDARD[:-2] + "\u00e9=",
        bytes(32).hex(),
        (b"password" * 4).hex(),
    ],
)
def test_wrong_key_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS", f"{TWO.hex()},{wrong}")
    with pytest.raises(ConfigurationError) as raised:
        key_ring(load_settings())
    assert str(raised.value).startswith("CAUDAL_ARCHIVE_KEYS: key 2 ")
    assert wrong[:12] not in str(raised.value)
    assert TWO.hex()[:12] not in str(raised.value)


@pytest.mark.parametrize("empty", [",", " ", " , \n"])
def test_no_key_at_all_is_no_ring(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    """Who wrote something wanted to have what rests sealed."""
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS", empty)
    with pytest.raises(ConfigurationError, match=r"^CAUDAL_ARCHIVE_KEYS: holds no key"):
        key_ring(load_settings())


def test_same_key_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^holds a key twice$"):
        read_keys(f"{TWO.hex()} {STANDARD}")


def test_nothing_told_is_no_keys() -> None:
    settings = load_settings()
    assert not keys_are_told(settings)
    assert not key_ring(settings)


def test_file_has_them_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{STANDARD}\n{ONE.hex()}\n")
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS_FILE", str(path))
    settings = load_settings()
    assert keys_are_told(settings)
    assert key_ring(settings).names == KeyRing([TWO, ONE]).names


@pytest.mark.parametrize("content", [None, b"", b"\n", b"short", b"\xff" * 40])
def test_file_without_a_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS_FILE", str(path))
    with pytest.raises(ConfigurationError, match=r"^CAUDAL_ARCHIVE_KEYS_FILE: "):
        key_ring(load_settings())


def test_both_at_once_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS", STANDARD)
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(ConfigurationError, match=r"^CAUDAL_ARCHIVE_KEYS_FILE: cannot be told"):
        key_ring(load_settings())


def test_keys_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS", STANDARD)
    settings = load_settings()
    assert STANDARD not in repr(settings) + settings.model_dump_json()
    assert STANDARD not in repr(key_ring(settings))


def test_only_sealed_is_read_where_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUDAL_ARCHIVE_KEYS", STANDARD)
    assert key_ring(load_settings()).open(b"plain", b"") == b"plain"
    monkeypatch.setenv("CAUDAL_ARCHIVE_SEALED_ONLY", "on")
    with pytest.raises(Exception, match="is not sealed"):
        key_ring(load_settings()).open(b"plain", b"")
