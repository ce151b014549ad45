"""Spans by OpenTelemetry's library, which is imported here and in `queued` alone, and only where tracing is on."""

from __future__ import annotations

import random
import re
import threading
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from libs.runtime.failures import where
from libs.runtime.metrics import TRACE_SPANS
from libs.runtime.scrubbing import mask
from libs.runtime.tracing.choice import Choice, Exporter, Sampler
from libs.runtime.tracing.port import ATTRIBUTES, Attributes, Finished, Kind, Value
from libs.runtime.tracing.queued import Queued

SCOPE: Final = "caudal"
# Ids, names and our own words: nothing that a message needs.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/{}-]{1,200}")
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_KINDS: Final = {
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.PRODUCER: SpanKind.PRODUCER,
    Kind.CONSUMER: SpanKind.CONSUMER,
}

log = structlog.get_logger()


class ExportedTraces:
    """Makes the library's spans of those that it is told of, and gives them to a processor."""

    def __init__(self, choice: Choice, processor: SpanProcessor, resource: Resource) -> None:
        self._ids = _Told()
        self._share = _share(choice)
        self._links = choice.links
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what is told is decided
            resource=resource,
            id_generator=self._ids,
            span_limits=SpanLimits(max_links=choice.links),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SCOPE)

    def samples(self) -> bool:
        """Decide by chance, and not by a number that a stranger may have chosen."""
        # each webhook asks, and the library's sampler takes 2 µs for it
        return random.random() < self._share  # noqa: S311 - a share, not a secret

    def record(self, span: Finished) -> None:
        """Put a span into the queue. Raises nothing."""
        try:
            self._record(span)
        except Exception as error:  # noqa: BLE001 - a delivery is worth more than its span
            TRACE_SPANS.labels("failed").inc()
            log.error("span_not_recorded", at=where(error))  # noqa: TRY400

    def _record(self, span: Finished) -> None:
        self._ids.tell(span.context)
        context = Context() if span.parent is None else _under(span.parent)
        recorded = self._tracer.start_span(
            span.name.value,
            context=context,
            kind=_KINDS[span.kind],
            attributes=shown(span.attributes),
            # The library would make all of them, and then drop the first: those of messages.
            links=[Link(context_of(each)) for each in span.links[: self._links]],
            start_time=span.began,
        )
        if span.failed is not None:
            recorded.set_attribute("error.type", span.failed)
            recorded.set_status(Status(StatusCode.ERROR))
        recorded.end(max(span.began, span.ended))

    def close(self, within: float) -> bool:
        """Export what waits, for no longer than so many seconds; tell whether all of it was.

        The thread is a daemon: one that hangs in a connection holds up no process that ends.
        """
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(within)
        return not closing.is_alive()


def open_traces(choice: Choice, service: str, instance: str) -> ExportedTraces:
    """Begin to export. Raises whatever the library does where it cannot use one of its variables."""
    exporter = OTLPSpanExporter() if choice.exporter is Exporter.OTLP else ConsoleSpanExporter()
    queued = Queued(exporter, choice.queue, choice.at_once)
    return ExportedTraces(choice, queued, resource_of(service, instance))


def shown(attributes: Attributes) -> dict[str, Value]:
    """Return the attributes that are on the list, and of their texts what is no name as the log would show it."""
    return {
        name: mask(value) if isinstance(value, str) and not _NAME.fullmatch(value) else value
        for name, value in attributes.items()
        if name in ATTRIBUTES
    }


def resource_of(service: str, instance: str) -> Resource:
    """Say who tells: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and ours beside it."""
    told = OTELResourceDetector().detect().attributes
    ours = {
        "service.name": f"caudal-{service}",
        "service.namespace": "caudal",
        "service.instance.id": instance,
    }
    return Resource.create({name: value for name, value in ours.items() if name not in told})


def context_of(traceparent: str) -> SpanContext:
    """Read a valid context, which was sampled."""
    return SpanContext(
        int(traceparent[3:35], 16),
        int(traceparent[36:52], 16),
        is_remote=True,
        trace_flags=_SAMPLED,
    )


def _under(parent: str) -> Context:
    return set_span_in_context(NonRecordingSpan(context_of(parent)), Context())


def _share(choice: Choice) -> float:
    match choice.sampler:
        case Sampler.ALWAYS_ON:
            return 1.0
        case Sampler.ALWAYS_OFF:
            return 0.0
        case Sampler.RATIO:
            return choice.ratio


class _Told(IdGenerator):
    """Gives the ids that were drawn before: a message had left with them while its span was not over."""

    def __init__(self) -> None:
        self._trace = self._span = 0

    def tell(self, traceparent: str) -> None:
        self._trace, self._span = int(traceparent[3:35], 16), int(traceparent[36:52], 16)

    def generate_span_id(self) -> int:
        return self._span

    def generate_trace_id(self) -> int:
        return self._trace
