"""Settings from the environment: `CAUDAL_<NAME>` for each field below.

A variable that is set to nothing counts as not set. URLs may carry a password and are masked
wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import NoDecode, SettingsConfigDict

from libs.runtime.configuration import ConfigurationError, first_error
from libs.runtime.limits import IngressLimits
from libs.runtime.retention import Retention
from libs.runtime.transport import (
    Transport,
    check_amqp,
    check_postgres,
    is_checked_amqp,
    is_checked_postgres,
)
from libs.runtime.url_files import SUFFIX, read_url_file

PREFIX: Final = "CAUDAL_"
_IN_FILES: Final = ("amqp_url", "postgres_dsn")  # what a file may hold instead of the variable
Network = IPv4Network | IPv6Network


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """`auto` is `console` on a terminal and `json` elsewhere."""

    JSON = "json"
    CONSOLE = "console"
    AUTO = "auto"


class LogDeliveries(StrEnum):
    """Which single deliveries have a line in the log at each stage; at level debug all of them."""

    ALL = "all"
    SAMPLED = "sampled"  # those whose trace is kept
    NONE = "none"


def _amqp(value: SecretStr) -> SecretStr:
    _url(value, ("amqp", "amqps"), "must be a URL that begins with amqp:// or amqps://")
    check_amqp(value.get_secret_value())
    return value


def _postgres(value: SecretStr) -> SecretStr:
    _url(value, ("postgres", "postgresql"), "must be a URL that begins with postgresql://")
    check_postgres(value.get_secret_value())
    return value


def _url(value: SecretStr, schemes: tuple[str, ...], otherwise: str) -> None:
    """Check the parts of a URL, of which no error may quote any."""
    try:
        parts = urlsplit(value.get_secret_value())
        port = parts.port
    except ValueError:
        raise ValueError(
            "is not a URL; characters such as / # ? @ in a password are written as %2F %23 %3F %40"
        ) from None
    if parts.scheme not in schemes:
        raise ValueError(otherwise)
    if port == 0 or parts.fragment:
        raise ValueError("is not a URL of a server")


def _networks(value: object) -> object:
    """Read networks with commas between them."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8, with a comma between") from None


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Settings(IngressLimits, Retention):
    """Everything that one process can be told. Times are seconds, sizes bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    amqp_url: Annotated[SecretStr, AfterValidator(_amqp)] | None = Field(
        default=None, description="RabbitMQ: amqp://user:password@host:5672/vhost"
    )
    amqp_url_file: Path | None = Field(default=None, description="a file that has it instead")
    postgres_dsn: Annotated[SecretStr, AfterValidator(_postgres)] | None = Field(
        default=None, description="Postgres: postgresql://user:password@host:5432/database"
    )
    postgres_dsn_file: Path | None = Field(default=None, description="a file that has it instead")
    tls: Annotated[Transport, BeforeValidator(_lower)] = Field(
        default=Transport.ALLOWED,
        description="required: no connection to either without a certificate that was checked",
    )
    sources: Path | None = Field(default=None, description="the sources file (TOML)")
    archive_keys: SecretStr | None = Field(
        default=None, description="keys under which raw bodies rest, the newest first"
    )
    archive_keys_file: Path | None = Field(default=None, description="a file that has them instead")
    archive_sealed_only: bool = Field(
        default=False, description="whether raw bodies that rest unencrypted are refused"
    )

    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        default=LogLevel.INFO, description="debug, info, warning or error"
    )
    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = Field(
        default=LogFormat.AUTO, description="json, console, or auto (console on a terminal)"
    )

    log_deliveries: Annotated[LogDeliveries, BeforeValidator(_lower)] = Field(
        default=LogDeliveries.NONE,
        description="which deliveries have a line for each stage: all, sampled (with tracing) or none",
    )

    ingress_host: str = Field(default="127.0.0.1", description="address that the ingress binds")
    ingress_port: int = Field(
        default=8080, ge=0, le=65535, description="its port; 0 takes a free one"
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = Field(
        default=(),
        description="networks of our own proxies, with a comma between: they may tell the sender's address",
    )
    publish_deadline: float = Field(
        default=2.0,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="how long a webhook may wait for its answer; the broker gets three quarters of it",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1, le=8_388_608, description="the largest body that is taken"
    )
    body_timeout: float = Field(
        default=10.0,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="how long a sender may take to send a body",
    )
    keepalive_timeout: float = Field(
        default=75.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="how long an idle connection to the ingress stays open",
    )
    pending_bytes: int = Field(
        default=67_108_864,
        ge=1,
        description="how much the ingress holds in memory at most, being read or not yet confirmed",
    )
    batch_deliveries: int = Field(
        default=100, ge=1, le=10_000, description="how many deliveries one message carries at most"
    )
    batch_bytes: int = Field(
        default=1_048_576,
        ge=1,
        le=8_388_608,
        description="size at which a message takes no further delivery",
    )
    grace: float = Field(
        default=20.0,
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="how long a stopping process finishes what it has begun",
    )
    spool_dir: Path = Field(
        default=Path(".caudal/spool"),
        description="folder where the ingress keeps what the broker did not confirm",
    )
    spool_max_bytes: int = Field(
        default=1_073_741_824,
        ge=65_536,
        description="how much of that folder one ingress may fill",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="address on which a process tells its metrics"
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="port on which a process tells its metrics; the ingress does so at /metrics of its own port too, while that is bound to loopback",
    )
    max_attempts: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="how often a delivery that fails by itself is tried before it is parked",
    )
    brake_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="share of failed deliveries from which a worker stops instead of parking them",
    )
    brake_minimum: int = Field(
        default=20,
        ge=1,
        description="how many deliveries must have failed before that share counts",
    )
    sweep_after: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        allow_inf_nan=False,
        description="how long a delivery is on file untranslated before it is published again",
    )
    polling: bool = Field(
        default=True,
        description="whether reconcilers that know the sources file ask the providers back",
    )
    admin_host: str = Field(default="127.0.0.1", description="address of the port for operators")
    admin_port: int = Field(
        default=8081, ge=0, le=65535, description="that port; 0 takes a free one"
    )
    admin_token: SecretStr | None = Field(
        default=None, description="who may use it: name:token, several with commas"
    )
    admin_token_file: Path | None = Field(
        default=None, description="the same in a file, one a line"
    )
    heartbeat_file: Path | None = Field(
        default=None, description="a file that a running process touches every five seconds"
    )

    def required_amqp_url(self) -> str:
        """Return the broker's URL in the clear, or raise `ConfigurationError`."""
        if self.amqp_url is None:
            raise ConfigurationError(
                f"{PREFIX}AMQP_URL", f"must be set (amqp://…), or {PREFIX}AMQP_URL_FILE"
            )
        url = self.amqp_url.get_secret_value()
        if self.tls is Transport.REQUIRED and not is_checked_amqp(url):
            raise ConfigurationError(f"{PREFIX}AMQP_URL", "must begin with amqps:// (CAUDAL_TLS)")
        return url

    def required_postgres_dsn(self) -> str:
        """Return the database's URL in the clear, or raise `ConfigurationError`."""
        if self.postgres_dsn is None:
            raise ConfigurationError(
                f"{PREFIX}POSTGRES_DSN",
                f"must be set (postgresql://…), or {PREFIX}POSTGRES_DSN_FILE",
            )
        dsn = self.postgres_dsn.get_secret_value()
        if self.tls is Transport.REQUIRED and not is_checked_postgres(dsn):
            raise ConfigurationError(
                f"{PREFIX}POSTGRES_DSN", "must have sslmode=verify-full (CAUDAL_TLS)"
            )
        return dsn

    def required_sources(self) -> Path:
        """Return the path of the sources file, or raise `ConfigurationError`."""
        if self.sources is None:
            raise ConfigurationError(f"{PREFIX}SOURCES", "must name the sources file (TOML)")
        return self.sources


def load_settings(**told: object) -> Settings:
    """Read the environment; `told` (from the command line) wins where it is not None.

    Addresses that stand in files are read. Raises `ConfigurationError` with the variable's name.
    """
    given = {name: value for name, value in told.items() if value is not None}
    settings = _validated(given, {})
    files: dict[str, Path] = {}
    for name in _IN_FILES:
        path: Path | None = getattr(settings, f"{name}_file")
        if path is None or name in given:
            continue
        if getattr(settings, name) is not None:
            raise ConfigurationError(
                f"{_variable(name)}{SUFFIX}", f"cannot be told beside {_variable(name)}"
            )
        files[name] = path
    if not files:
        return settings
    read = {name: read_url_file(path, f"{_variable(name)}{SUFFIX}") for name, path in files.items()}
    return _validated(given | read, files)


def _validated(given: Mapping[str, object], files: Mapping[str, Path]) -> Settings:
    """Read the environment under `given`; `files` says which of that was read from where."""
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        found = first_error(error, lambda loc: _variable(str(loc[0])))
        for name, path in files.items():
            if found.key == _variable(name):
                raise ConfigurationError(
                    f"{found.key}{SUFFIX}", f"{found.message}: {path}"
                ) from None
        raise found from None


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
