"""The witness of a process for as long as it runs; at its end what waits is exported."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Final

import structlog

from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import PREFIX, LogDeliveries, LogLevel, Settings
from libs.runtime.tracing.choice import Choice, chosen
from libs.runtime.tracing.witness import Witness

if TYPE_CHECKING:
    from libs.runtime.tracing.exported import ExportedTraces

LINES: Final = f"{PREFIX}LOG_DELIVERIES"
FLUSH_WITHIN: Final = 3.0  # seconds, beyond the grace; whoever stops us allows for more

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def witnessing(
    settings: Settings,
    service: str,
    name: str = "",
    *,
    variables: Mapping[str, str] = os.environ,
) -> AsyncIterator[Witness | None]:
    """Give the witness of a process, None where nothing is told of single deliveries.

    `service` is what the process is (ingress, normalizer, reconciler), `name` what this one is called.
    Raises `ConfigurationError`.
    """
    choice = chosen(variables)
    lines = _lines(settings, tracing=choice is not None)
    if choice is None:
        yield None if lines is LogDeliveries.NONE else Witness(None, lines)
        return
    traces = _open(choice, service, name or service)
    log.info("tracing_on", kind=choice.exporter.value, rule=choice.sampler.value)
    try:
        yield Witness(traces, lines)
    finally:
        within = min(FLUSH_WITHIN, max(settings.grace, 0.5))
        if not await asyncio.to_thread(traces.close, within):
            log.warning("spans_left", pause=within)


def _lines(settings: Settings, *, tracing: bool) -> LogDeliveries:
    if settings.log_level is LogLevel.DEBUG:
        return LogDeliveries.ALL
    if settings.log_deliveries is LogDeliveries.SAMPLED and not tracing:
        why = "no delivery is sampled, as tracing is off: none has a line"
        log.warning("configuration_odd", key=LINES, why=why)
        return LogDeliveries.NONE
    return settings.log_deliveries


def _open(choice: Choice, service: str, name: str) -> ExportedTraces:
    """Import the library, which takes a third of a second, and begin."""
    # what it complains of is counted and told once, by `queued`
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    from libs.runtime.tracing.exported import open_traces  # noqa: PLC0415

    try:
        return open_traces(choice, service, f"{name}@{socket.gethostname()}:{os.getpid()}")
    except (ValueError, RuntimeError, ImportError, OSError) as error:
        why = f"the library refuses one of them: {type(error).__name__}"
        raise ConfigurationError("OTEL_…", why) from None
