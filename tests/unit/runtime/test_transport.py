"""URLs whose TLS is not what it looks like are refused, by the name of the variable."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import load_settings
from libs.runtime.transport import tls_complaint

WORD = "word-that-nobody-may-read"


@pytest.fixture(autouse=True)
def _no_caudal_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CAUDAL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text("a certificate")
    return path


def broker(told: str, scheme: str = "amqps") -> str:
    return f"{scheme}://caudal:{WORD}@broker/{told}"


def database(told: str) -> str:
    return f"postgresql://caudal:{WORD}@database/caudal{told}"


@pytest.mark.parametrize(
    ("told", "scheme", "why"),
    [
        ("?no_verify_ssl=1&cafile={ca}", "amqps", "no_verify_ssl is not taken"),
        ("?no_verify_ssl=", "amqps", "no_verify_ssl is not taken"),
        ("?cafile={ca}", "amqp", "cafile needs amqps"),
        ("?certfile={ca}", "amqp", "certfile needs amqps"),
        ("?cafile={ca}.gone", "amqps", "cafile: there is no such file"),
        ("?cafile=", "amqps", "cafile: there is no such file"),
        ("?cafile={ca}&keyfile=gone", "amqps", "keyfile: there is no such file"),
    ],
)
def test_broker(ca: Path, told: str, scheme: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        load_settings(amqp_url=broker(told.format(ca=ca), scheme))
    assert str(caught.value).startswith("CAUDAL_AMQP_URL: ")
    assert WORD not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("?sslmode=verify_full&sslrootcert={ca}", "sslmode must be one of"),
        ("?sslmode=", "sslmode must be one of"),
        ("?sslrootcert={ca}", "sslrootcert needs sslmode=verify-full"),
        ("?sslmode=require&sslrootcert={ca}", "sslrootcert needs sslmode=verify-full"),
        ("?sslmode=verify-full", "needs sslrootcert"),
        ("?sslmode=verify-full&sslrootcert={ca}.gone", "sslrootcert: there is no such file"),
        ("?sslmode=verify-full&sslrootcert={ca}&sslkey=gone", "sslkey: there is no such file"),
    ],
)
def test_database(ca: Path, told: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        load_settings(postgres_dsn=database(told.format(ca=ca)))
    assert str(caught.value).startswith("CAUDAL_POSTGRES_DSN: ")
    assert WORD not in str(caught.value)


def test_required(ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUDAL_TLS", "Required")
    for told in ("", "?sslmode=require", f"?sslmode=verify-ca&sslrootcert={ca}"):
        settings = load_settings(postgres_dsn=database(told), amqp_url=broker("", "amqp"))
        with pytest.raises(ConfigurationError, match="CAUDAL_POSTGRES_DSN: must have sslmode"):
            settings.required_postgres_dsn()
        with pytest.raises(ConfigurationError, match="CAUDAL_AMQP_URL: must begin with amqps"):
            settings.required_amqp_url()
    settings = load_settings(
        postgres_dsn=database(f"?sslmode=verify-full&sslrootcert={ca}"),
        amqp_url=broker(f"?cafile={ca}"),
    )
    assert settings.required_postgres_dsn()
    assert settings.required_amqp_url()


def test_every_port_is_on_loopback_unless_told_otherwise() -> None:
    settings = load_settings()
    hosts = {
        name: getattr(settings, name)
        for name in type(settings).model_fields
        if name.endswith("_host")
    }
    assert set(hosts) >= {"ingress_host", "metrics_host", "admin_host"}
    assert set(hosts.values()) == {"127.0.0.1"}


@pytest.mark.timeout(10)
def test_causes_in_a_ring_are_gone_through_once() -> None:
    """A connection that is reset while it is closed leaves such a ring."""
    outer, inner = OSError("closing"), ConnectionResetError("reset")
    outer.__cause__, inner.__cause__ = inner, outer
    assert tls_complaint(outer) is None
    inner.__cause__ = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] alert unknown ca")
    assert "no TLS with the server" in (tls_complaint(outer) or "")
