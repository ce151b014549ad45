"""Settings come from the environment, and what is wrong with one is said by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import LogFormat, LogLevel, load_settings


@pytest.fixture(autouse=True)
def _no_caudal_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CAUDAL_"):
            monkeypatch.delenv(name)


def _set(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert (settings.ingress_host, settings.ingress_port) == ("127.0.0.1", 8080)
    assert settings.publish_deadline == 2.0
    assert settings.max_body_bytes == 1_048_576
    assert settings.log_format is LogFormat.AUTO


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(
        monkeypatch,
        {
            "CAUDAL_AMQP_URL": "amqp://u:p@h/v",
            "CAUDAL_SOURCES": "sources.toml",
            "CAUDAL_LOG_LEVEL": "DEBUG",
            "CAUDAL_INGRESS_PORT": "0",
        },
    )
    settings = load_settings()
    assert settings.required_amqp_url() == "amqp://u:p@h/v"
    assert settings.required_sources() == Path("sources.toml")
    assert settings.log_level is LogLevel.DEBUG
    assert settings.ingress_port == 0


def test_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, {"CAUDAL_INGRESS_PORT": "1", "CAUDAL_GRACE": "7"})
    settings = load_settings(ingress_port=2, grace=None)
    assert (settings.ingress_port, settings.grace) == (2, 7.0)


def test_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, {"CAUDAL_SOURCES": "", "CAUDAL_INGRESS_PORT": ""})
    assert load_settings().sources is None
    assert load_settings().ingress_port == 8080


def test_passwords_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(
        monkeypatch,
        {
            "CAUDAL_AMQP_URL": "amqp://u:hunter2@h/v",
            "CAUDAL_POSTGRES_DSN": "postgresql://u:hunter2@h/d",
        },
    )
    settings = load_settings()
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    assert settings.required_postgres_dsn() == "postgresql://u:hunter2@h/d"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("INGRESS_PORT", "http", "must be a whole number"),
        ("INGRESS_PORT", "65536", "must be at most 65535"),
        ("INGRESS_PORT", "-1", "must be at least 0"),
        ("LOG_LEVEL", "loud", "must be one of 'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "must be one of 'json', 'console' or 'auto'"),
        ("PUBLISH_DEADLINE", "0", "must be greater than 0.0"),
        ("PUBLISH_DEADLINE", "soon", "must be a number"),
        ("GRACE", "nan", "must be a finite number"),
        ("AMQP_URL", "http://u:hunter2@h", "must be a URL that begins with amqp:// or amqps://"),
        ("POSTGRES_DSN", "mysql://u:hunter2@h", "must be a URL that begins with postgresql://"),
    ],
)
def test_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"CAUDAL_{name}", value)
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert str(raised.value) == f"CAUDAL_{name}: {message}"
    assert raised.value.key == f"CAUDAL_{name}"


def test_missing_variable_is_named() -> None:
    settings = load_settings()
    with pytest.raises(ConfigurationError, match=r"^CAUDAL_AMQP_URL: must be set"):
        settings.required_amqp_url()
    with pytest.raises(ConfigurationError, match=r"^CAUDAL_POSTGRES_DSN: must be set"):
        settings.required_postgres_dsn()
    with pytest.raises(ConfigurationError, match=r"^CAUDAL_SOURCES: must name"):
        settings.required_sources()
