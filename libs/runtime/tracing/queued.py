"""The queue between whoever tells of spans and the collector: bounded, and what is lost is counted.

A thread of the library takes some hundreds at a time and sends them. What finds the queue full is dropped; so a
collector that is slow, dead or gone costs the memory of the queue and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from libs.runtime.failures import where
from libs.runtime.metrics import TRACE_SPANS
from libs.runtime.tracing.choice import USUAL_AT_ONCE

log = structlog.get_logger()


class Queued(SpanProcessor):
    """The library's queue, in front of which is counted what it would drop without a word.

    Spans come from one thread and leave by another, each of which has a count of its own.
    """

    def __init__(self, exporter: SpanExporter, most: int, at_once: int = USUAL_AT_ONCE) -> None:
        self._exporter = Counted(exporter)
        self._most = most
        self._taken = 0
        self._queue = BatchSpanProcessor(
            self._exporter,
            max_queue_size=most,
            max_export_batch_size=min(at_once, most),
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span, unless there is no room."""
        if self._taken - self._exporter.handed >= self._most:
            TRACE_SPANS.labels("dropped").inc()
            return
        self._taken += 1
        self._queue.on_end(span)

    def shutdown(self) -> None:
        """Export what waits."""
        self._queue.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Export what waits, and go on."""
        return self._queue.force_flush(timeout_millis)


class Counted(SpanExporter):
    """Counts what becomes of spans, and says once when a collector fails and when it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._well = True
        self.handed = 0  # spans that have left the queue

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; what the exporter gives up is lost."""
        self.handed += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - of a library, on its own thread
            log.error("span_export_failed", at=where(error))  # noqa: TRY400
        well = result is SpanExportResult.SUCCESS
        TRACE_SPANS.labels("exported" if well else "failed").inc(len(spans))
        if well is not self._well:
            tell = log.info if well else log.warning
            tell("collector_well_again" if well else "collector_fails", count=len(spans))
        self._well = well
        return result

    def shutdown(self) -> None:
        """Pass it on."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - nothing is kept here
        """There is nothing to be flushed."""
        return True
