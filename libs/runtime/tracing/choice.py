"""What the standard variables of OpenTelemetry say about traces, checked before anything is imported.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

Off unless OTEL_TRACES_EXPORTER names an exporter, or is not set and an OTLP endpoint is. Of two variables that say the
same, one of them for traces alone, that one counts, and the other is not looked at. What is only checked here the
library reads by itself; what it cannot use it would pass over, with a line in the log.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Final
from urllib.parse import urlsplit

from libs.runtime.configuration import ConfigurationError

DISABLED: Final = "OTEL_SDK_DISABLED"
EXPORTER: Final = "OTEL_TRACES_EXPORTER"
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
COMPRESSIONS: Final = ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
FILES: Final = (
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
)
CREDENTIALS: Final = (  # of these the general one counts
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)
RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"
SAMPLER: Final = "OTEL_TRACES_SAMPLER"
SAMPLER_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
QUEUE: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
AT_ONCE: Final = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
DELAY: Final = "OTEL_BSP_SCHEDULE_DELAY"
EXPORT_TIMEOUT: Final = "OTEL_BSP_EXPORT_TIMEOUT"
LINKS: Final = "OTEL_SPAN_LINK_COUNT_LIMIT"
PROTOCOL: Final = "http/protobuf"
USUAL_QUEUE: Final = 2048  # spans
USUAL_AT_ONCE: Final = 512  # spans in one request
# The library's own limit is 128, and a batch has up to some hundreds of deliveries.
USUAL_LINKS: Final = 1024

_COMPRESSIONS: Final = ("none", "gzip", "deflate")
# As the library reads a header: of a name what RFC 9110 calls a token, of a value what needs no quotes.
_HEADER: Final = re.compile(r"[ \t]*[!#-'*+\-.0-9A-Z^-z|~]+[ \t]*=[ !#-+\--:<-\[\]-~\t]*")


class Exporter(StrEnum):
    """Where spans go: to a collector over HTTP, or as JSON to stdout."""

    OTLP = "otlp"
    CONSOLE = "console"


class Sampler(StrEnum):
    """Who decides what is kept.

    A webhook has no parent whose decision is followed (`services.ingress.witness`), and everything behind
    the ingress follows its flag: with and without `parentbased_` they are the same here.
    """

    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"
    RATIO = "traceidratio"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. `ratio` is a share from 0 to 1; `queue` and `at_once` count spans, `links` those of one."""

    exporter: Exporter
    sampler: Sampler = Sampler.ALWAYS_ON
    ratio: float = 1.0
    queue: int = USUAL_QUEUE
    links: int = USUAL_LINKS
    at_once: int = USUAL_AT_ONCE


def chosen(variables: Mapping[str, str]) -> Choice | None:
    """Return what the variables choose, None where tracing is off. Raises `ConfigurationError`."""
    told = {name: value.strip() for name, value in variables.items() if name.startswith("OTEL_")}
    if told.get(DISABLED, "").lower() == "true":
        return None
    exporter = _exporter(told)
    if exporter is None:
        return None
    if exporter is Exporter.OTLP:
        _check_otlp(told)
    _check_resource(told)
    sampler = _sampler(told)
    queue, at_once = _count(told, QUEUE, USUAL_QUEUE), _count(told, AT_ONCE, USUAL_AT_ONCE)
    if at_once > queue and told.get(AT_ONCE):
        raise ConfigurationError(AT_ONCE, f"must be {queue} at most, what {QUEUE} has room for")
    for name in (DELAY, EXPORT_TIMEOUT):
        _count(told, name, 1)
    return Choice(
        exporter,
        sampler,
        _ratio(told) if sampler is Sampler.RATIO else 1.0,
        queue,
        _count(told, LINKS, USUAL_LINKS),
        at_once,
    )


def _exporter(told: Mapping[str, str]) -> Exporter | None:
    name = told.get(EXPORTER, "").lower()
    if not name:
        return Exporter.OTLP if any(told.get(each) for each in ENDPOINTS) else None
    if name == "none":
        return None
    try:
        return Exporter(name)
    except ValueError:
        raise ConfigurationError(EXPORTER, "must be otlp, console or none") from None


def _check_otlp(told: Mapping[str, str]) -> None:
    name, value = _first(told, PROTOCOLS)
    if value and value.lower() != PROTOCOL:
        raise ConfigurationError(name, f"must be {PROTOCOL}: nothing else is spoken")
    name, value = _first(told, ENDPOINTS)
    if value:
        _check_url(name, value)
    name, value = _first(told, COMPRESSIONS)
    if value and value.lower() not in _COMPRESSIONS:
        raise ConfigurationError(name, f"must be one of {', '.join(_COMPRESSIONS)}")
    name, value = _first(told, TIMEOUTS)
    if value and not _is_time(value):
        raise ConfigurationError(name, "must be a number of seconds above 0")
    name, value = _first(told, HEADERS)
    if not all(_HEADER.fullmatch(each) for each in value.split(",") if each.strip()):
        raise ConfigurationError(name, "must be name=value, and more of these after a comma")
    for names in FILES:
        name, value = _first(told, names)
        if value and not os.access(value, os.R_OK):
            raise ConfigurationError(name, "must name a file that is there and can be read")
    name, value = _first(told, CREDENTIALS)
    if value and not entry_points(group="opentelemetry_otlp_credential_provider", name=value):
        raise ConfigurationError(name, "must name a provider that is installed")


def _first(told: Mapping[str, str], names: tuple[str, str]) -> tuple[str, str]:
    """Return the one of two variables that counts, and what it says: "" where neither is set."""
    name = next((each for each in names if told.get(each)), names[0])
    return name, told.get(name, "")


def _is_time(value: str) -> bool:
    try:
        return 0 < float(value) < math.inf
    except ValueError:
        return False


def _check_resource(told: Mapping[str, str]) -> None:
    pairs = [each.partition("=") for each in told.get(RESOURCE, "").split(",") if each.strip()]
    if not all(name.strip() and sign for name, sign, _ in pairs):
        raise ConfigurationError(RESOURCE, "must be name=value, and more of these after a comma")


def _check_url(name: str, value: str) -> None:
    """Refuse what is no URL; it may hold credentials, and is not quoted."""
    try:
        parts = urlsplit(value)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ConfigurationError(name, "must be a URL that begins with http:// or https://")


def _sampler(told: Mapping[str, str]) -> Sampler:
    name = told.get(SAMPLER, "").lower().removeprefix("parentbased_")
    try:
        return Sampler(name) if name else Sampler.ALWAYS_ON
    except ValueError:
        known = ", ".join(f"{each}, parentbased_{each}" for each in Sampler)
        raise ConfigurationError(SAMPLER, f"must be one of {known}") from None


def _ratio(told: Mapping[str, str]) -> float:
    try:
        ratio = float(told.get(SAMPLER_ARGUMENT) or 1.0)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise ConfigurationError(SAMPLER_ARGUMENT, "must be a share between 0 and 1")
    return ratio


def _count(told: Mapping[str, str], name: str, usual: int) -> int:
    try:
        count = int(told.get(name) or usual)
    except ValueError:
        count = 0
    if count < 1:
        raise ConfigurationError(name, "must be a whole number of at least 1")
    return count
