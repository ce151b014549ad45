"""Logs: one line per event on stderr, JSON or for a person, ours and the libraries' alike.

Every line passes `scrub` last: what is not on the list of `log_fields` shows its type alone. Of an exception
the frames are told, and its message where it is one of ours (`failures.told`); also of the one that ends
the process.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from libs.runtime.failures import told
from libs.runtime.harmless import escaped, harmless
from libs.runtime.scrubbing import scrub
from libs.runtime.settings import LogFormat, LogLevel

# Libraries that tell of their daily life at INFO.
_TALKATIVE: Final = ("aio_pika", "aiohttp", "asyncio", "alembic")


def configure_logs(
    service: str,
    level: LogLevel = LogLevel.INFO,
    form: LogFormat = LogFormat.AUTO,
    *,
    stream: TextIO | None = None,
    quiet: Iterable[str] = _TALKATIVE,
) -> None:
    """Set up logging of this process. `service` stands in every line; `stream` is stderr."""
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.value.upper()]
    as_json = form is LogFormat.JSON or (form is LogFormat.AUTO and not stream.isatty())
    processors = _processors(service)
    renderer: Processor = _json if as_json else _console(stream)
    structlog.configure(
        processors=[*processors, scrub, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    _route_stdlib(stream, number, processors, renderer)
    sys.excepthook = _process_failed
    for name in quiet:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _processors(service: str) -> list[Processor]:
    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        if "at" in event:  # the place that a caller tells; a line has its time under that name
            event["where"] = event.pop("at")
        return event

    return [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.ExceptionRenderer(_told),
    ]


def _told(exc_info: ExcInfo) -> str:
    return told(exc_info[1])


def _process_failed(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log what ends the process; the interpreter would print its message as it is."""
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("process_failed", exc_info=(kind, error, trace))


def _route_stdlib(
    stream: TextIO, level: int, processors: list[Processor], renderer: Processor
) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *processors],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                scrub,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return escaped(orjson.dumps(event).decode())


def _console(stream: TextIO) -> Processor:
    renderer = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        exception_formatter=structlog.dev.plain_traceback,
        timestamp_key="at",
    )

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        """Show nothing that a terminal would obey; other values than text are shown as their repr."""
        shown = {
            name: harmless(value, lines=name == "exception") if isinstance(value, str) else value
            for name, value in event.items()
        }
        return renderer(logger, method, shown)

    return render
