"""What the standard variables of OpenTelemetry say about traces, checked before anything is imported.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

Off unless OTEL_TRACES_EXPORTER names an exporter, or is not set and an OTLP endpoint is. What else there is
(headers, certificates, compression, time-outs, the queue) the library reads by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from libs.runtime.configuration import ConfigurationError

DISABLED: Final = "OTEL_SDK_DISABLED"
EXPORTER: Final = "OTEL_TRACES_EXPORTER"
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SAMPLER: Final = "OTEL_TRACES_SAMPLER"
SAMPLER_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
QUEUE: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
LINKS: Final = "OTEL_SPAN_LINK_COUNT_LIMIT"
PROTOCOL: Final = "http/protobuf"
USUAL_QUEUE: Final = 2048  # spans
# The library's own limit is 128, and a batch has up to some hundreds of deliveries.
USUAL_LINKS: Final = 1024


class Exporter(StrEnum):
    """Where spans go: to a collector over HTTP, or as JSON to stdout."""

    OTLP = "otlp"
    CONSOLE = "console"


class Sampler(StrEnum):
    """Who decides what is kept.

    A webhook has no parent whose decision is followed (`services.ingress.traced`), and everything behind
    the ingress follows its flag: with and without `parentbased_` they are the same here.
    """

    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"
    RATIO = "traceidratio"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. `ratio` is a share from 0 to 1; `queue` counts spans, `links` those of a span."""

    exporter: Exporter
    sampler: Sampler = Sampler.ALWAYS_ON
    ratio: float = 1.0
    queue: int = USUAL_QUEUE
    links: int = USUAL_LINKS


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
    sampler = _sampler(told)
    return Choice(
        exporter,
        sampler,
        _ratio(told) if sampler is Sampler.RATIO else 1.0,
        _count(told, QUEUE, USUAL_QUEUE),
        _count(told, LINKS, USUAL_LINKS),
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
    for name in PROTOCOLS:
        if (value := told.get(name)) and value.lower() != PROTOCOL:
            raise ConfigurationError(name, f"must be {PROTOCOL}: nothing else is spoken")
    for name in ENDPOINTS:
        if value := told.get(name):
            _check_url(name, value)


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
