"""Addresses in files: read as the variables are, and what is wrong is said without a word of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import load_settings
from libs.runtime.url_files import without_url_files
from services.stack.workers import Workers

CAUDAL = Path(sys.executable).with_name("caudal")
AMQP, POSTGRES = "CAUDAL_AMQP_URL", "CAUDAL_POSTGRES_DSN"
URL, DSN = "amqp://u:hunter2@h:5672/v", "postgresql://u:hunter2@h/d"


@pytest.fixture(autouse=True)
def _no_caudal_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CAUDAL_"):
            monkeypatch.delenv(name)


def named(monkeypatch: pytest.MonkeyPatch, path: Path, variable: str, content: str) -> Path:
    path.write_text(content)
    monkeypatch.setenv(f"{variable}_FILE", str(path))
    return path


@pytest.mark.parametrize("written", ["{}", "{}\n", "  {}\r\n"])
def test_file_stands_for_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str
) -> None:
    named(monkeypatch, tmp_path / "url", AMQP, written.format(URL))
    named(monkeypatch, tmp_path / "dsn", POSTGRES, written.format(DSN))
    settings = load_settings()
    assert settings.required_amqp_url() == URL
    assert settings.required_postgres_dsn() == DSN
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_one_may_be_a_file_and_the_other_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(AMQP, URL)
    monkeypatch.setenv(f"{AMQP}_FILE", "")  # set to nothing is not set
    named(monkeypatch, tmp_path / "dsn", POSTGRES, DSN)
    settings = load_settings(ingress_port=0)
    assert (settings.required_amqp_url(), settings.required_postgres_dsn()) == (URL, DSN)
    assert settings.ingress_port == 0


@pytest.mark.parametrize(("variable", "value"), [(AMQP, URL), (POSTGRES, DSN)])
def test_both_are_a_contradiction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    named(monkeypatch, tmp_path / "file", variable, value)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert str(raised.value) == f"{variable}_FILE: cannot be told beside {variable}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "file must hold one line: {}"),
        ("\n\n", "file must hold one line: {}"),
        (f"{URL}\n{URL}\n", "file must hold one line: {}"),
        ("http://u:hunter2@h", "must be a URL that begins with amqp:// or amqps://: {}"),
        ("amqp://u:hun/ter2@h:1/", "is not a URL; characters such as / # ? @ in a password are written as %2F %23 %3F %40: {}"),
        ("amqps://u:hunter2@h/?cafile=/no/ca.pem", "cafile: there is no such file: /no/ca.pem: {}"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, message: str
) -> None:
    path = named(monkeypatch, tmp_path / "url", AMQP, content)
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert raised.value.key == f"{AMQP}_FILE"
    assert raised.value.message == message.format(path)
    assert "hun" not in str(raised.value)


@pytest.mark.parametrize(("made", "message"), [
    ("nothing", "file not found"), ("folder", "file cannot be read"), ("bytes", "file cannot be read"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: str, message: str
) -> None:
    path = tmp_path / "url"
    if made == "folder":
        path.mkdir()
    elif made == "bytes":
        path.write_bytes(b"amqp://hunter2\xff")
    monkeypatch.setenv(f"{AMQP}_FILE", str(path))
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert str(raised.value) == f"{AMQP}_FILE: {message}: {path}"


def test_tls_is_asked_of_a_file_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, tmp_path / "url", AMQP, URL)
    monkeypatch.setenv("CAUDAL_TLS", "required")
    with pytest.raises(ConfigurationError, match="must begin with amqps://"):
        load_settings().required_amqp_url()


def test_command_line_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{AMQP}_FILE", "/not/there")
    assert load_settings(amqp_url=URL).required_amqp_url() == URL


@pytest.mark.parametrize(
    ("arguments", "variable", "content"),
    [
        (["reconciler"], AMQP, "http://hunter2"),
        (["topology", "apply"], AMQP, ""),
        (["migrate"], POSTGRES, "mysql://hunter2"),
        (["objects", "list"], POSTGRES, "postgresql://u:hun/ter2@h/d"),
        (["up"], POSTGRES, "one\ntwo hunter2"),
    ],
)
def test_every_command_ends_with_the_code_of_misuse(
    tmp_path: Path, arguments: list[str], variable: str, content: str
) -> None:
    path = tmp_path / "address"
    path.write_text(content)
    ran = subprocess.run(
        [CAUDAL, *arguments], check=False, capture_output=True, text=True, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", f"{variable}_FILE": str(path)},
    )  # fmt: skip
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert f"{variable}_FILE" in ran.stderr
    assert str(path) in ran.stderr
    assert "hun" not in ran.stderr


def test_environment_is_handed_on_without_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The workers of `caudal up` are told the addresses; a file beside would contradict them."""
    path = named(monkeypatch, tmp_path / "url", AMQP, f"{URL}\n")
    told = without_url_files({f"{AMQP}_FILE": str(path), POSTGRES: DSN, "A": "b"}, (AMQP, POSTGRES))
    assert told == {AMQP: URL, POSTGRES: DSN, "A": "b"}
    around = Workers({AMQP: URL}, None)._environment
    assert around[AMQP] == URL
    assert f"{AMQP}_FILE" not in around
