"""What is told becomes spans of OpenTelemetry: with its ids, and without harm where a collector is dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from libs.runtime.metrics import REGISTRY
from libs.runtime.tracing.choice import Choice, Exporter, Sampler
from libs.runtime.tracing.context import child_of, drawn
from libs.runtime.tracing.exported import ExportedTraces, resource_of
from libs.runtime.tracing.port import Finished, Kind, Name
from libs.runtime.tracing.queued import Queued


class Collector(SpanExporter):
    """Keeps what it is sent; `behave` is called first."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.result = SpanExportResult.SUCCESS
        self.held = threading.Event()
        self.held.set()
        self.raises: Exception | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.held.wait(30)
        if self.raises is not None:
            raise self.raises
        if self.result is SpanExportResult.SUCCESS:
            self.spans += spans
        return self.result


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.held.set()


def traces(collector: Collector, queue: int = 2048, **told: object) -> ExportedTraces:
    choice = Choice(Exporter.OTLP, queue=queue, **told)  # type: ignore[arg-type]
    return ExportedTraces(choice, Queued(collector, queue), resource_of("ingress", "one"))


def span(context: str | None = None, **told: object) -> Finished:
    fields = {
        "name": Name.FOLD,
        "kind": Kind.CONSUMER,
        "began": 1_000,
        "ended": 3_000,
        "attributes": {},
    } | told
    return Finished(context=context or drawn(), **fields)  # type: ignore[arg-type]


def lost() -> dict[str, float]:
    return {
        outcome: REGISTRY.get_sample_value("caudal_trace_spans_total", {"outcome": outcome}) or 0
        for outcome in ("exported", "failed", "dropped")
    }


def test_span_is_as_it_was_told(collector: Collector) -> None:
    ours = traces(collector)
    parent, others = drawn(), [drawn() for _ in range(500)]
    context = child_of(parent)
    ours.record(
        span(
            context,
            parent=parent,
            links=others,
            attributes={"caudal.delivery_id": "7", "db.operation.batch.size": 3},
            failed="RefusedError",
        )
    )
    assert ours.close(5)
    [found] = collector.spans
    assert found.context is not None
    assert found.parent is not None
    assert f"00-{found.context.trace_id:032x}-{found.context.span_id:016x}-01" == context
    assert (found.parent.trace_id, f"{found.parent.span_id:016x}") == (
        found.context.trace_id,
        parent[36:52],
    )
    assert [
        f"00-{link.context.trace_id:032x}-{link.context.span_id:016x}-01" for link in found.links
    ] == others
    assert (found.name, found.start_time, found.end_time) == (
        "fold caudal.reconciler",
        1_000,
        3_000,
    )
    assert dict(found.attributes or {}) == {
        "caudal.delivery_id": "7",
        "db.operation.batch.size": 3,
        "error.type": "RefusedError",
    }
    assert not found.status.is_ok


def test_of_too_many_links_the_first_are_kept(collector: Collector) -> None:
    """Those of messages come first, and each of them leads on to all of its deliveries."""
    ours, links = traces(collector, links=7), [drawn() for _ in range(20)]
    ours.record(span(links=links))
    assert ours.close(5)
    [found] = collector.spans
    assert [f"{link.context.span_id:016x}" for link in found.links] == [
        each[36:52] for each in links[:7]
    ]


def test_requests_are_as_large_as_is_told(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    export = collector.export

    def counted(spans: Sequence[ReadableSpan]) -> SpanExportResult:
        sizes.append(len(spans))
        return export(spans)

    monkeypatch.setattr(collector, "export", counted)
    choice = Choice(Exporter.OTLP, queue=20, at_once=5)
    queued = Queued(collector, choice.queue, choice.at_once)
    ours = ExportedTraces(choice, queued, resource_of("ingress", "one"))
    for _ in range(20):
        ours.record(span())
    assert ours.close(5)
    assert (sum(sizes), max(sizes)) == (20, 5)


def test_span_without_parent_is_the_first_of_its_trace(collector: Collector) -> None:
    ours = traces(collector)
    contexts = [drawn() for _ in range(3)]
    for context in contexts:
        ours.record(span(context))
    assert ours.close(5)
    assert all(found.parent is None for found in collector.spans)
    assert [f"{s.context.trace_id:032x}" for s in collector.spans if s.context] == [
        context[3:35] for context in contexts
    ]


def test_attribute_that_is_not_on_the_list_is_left_out(collector: Collector) -> None:
    ours = traces(collector)
    ours.record(
        span(attributes={"payer.email": "a@b.example", "http.route": "/x?token=abc a@b.example"})
    )
    assert ours.close(5)
    shown = repr(dict(collector.spans[0].attributes or {}))
    assert "payer" not in shown
    assert "abc" not in shown
    assert "a@b.example" not in shown


def test_names_of_the_service_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resource_of("ingress", "one").attributes["service.name"] == "caudal-ingress"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-hooks")
    found = resource_of("ingress", "one").attributes
    assert found["service.name"] == "shop-hooks"
    assert found["deployment.environment.name"] == "test"
    assert found["service.namespace"] == "caudal"


def test_what_finds_no_room_is_dropped_and_counted(collector: Collector) -> None:
    """The collector hangs: what is told costs no time, and no more memory than the queue."""
    before = lost()
    collector.held.clear()
    ours = traces(collector, queue=64)
    began = time.monotonic()
    for _ in range(1_000):
        ours.record(span())
    assert time.monotonic() - began < 2
    dropped = lost()["dropped"] - before["dropped"]
    assert 1_000 - 2 * 64 <= dropped <= 1_000 - 64
    collector.held.set()
    assert ours.close(5)
    after = lost()
    assert after["exported"] - before["exported"] + dropped == 1_000
    assert len(collector.spans) == 1_000 - dropped


def test_collector_that_hangs_does_not_hold_up_the_end(collector: Collector) -> None:
    collector.held.clear()
    ours = traces(collector)
    ours.record(span())
    began = time.monotonic()
    assert not ours.close(0.3)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("raises", [None, RuntimeError("a secret")])
def test_failing_collector_is_told_of_once(
    collector: Collector, raises: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
    before = lost()
    collector.result, collector.raises = SpanExportResult.FAILURE, raises
    with structlog.testing.capture_logs() as logged:
        ours = traces(collector)
        for _ in range(3):
            ours.record(span())
            time.sleep(0.05)
        collector.result, collector.raises = SpanExportResult.SUCCESS, None
        ours.record(span())
        assert ours.close(5)
    events = [line["event"] for line in logged]
    assert events.count("collector_fails") == 1
    assert events.count("collector_well_again") == 1
    assert "a secret" not in repr(logged)
    after = lost()
    assert after["failed"] - before["failed"] == 3
    assert after["exported"] - before["exported"] == 1


def test_span_that_cannot_be_made_hurts_nobody(collector: Collector) -> None:
    ours = traces(collector)
    with structlog.testing.capture_logs() as logged:
        ours.record(span("no context at all"))
        ours.record(span())
    assert ours.close(5)
    assert [line["event"] for line in logged] == ["span_not_recorded"]
    assert len(collector.spans) == 1


@pytest.mark.parametrize(
    ("sampler", "ratio", "least", "most"),
    [
        (Sampler.ALWAYS_ON, 1.0, 2_000, 2_000),
        (Sampler.ALWAYS_OFF, 1.0, 0, 0),
        (Sampler.RATIO, 0.0, 0, 0),
        (Sampler.RATIO, 1.0, 2_000, 2_000),
        (Sampler.RATIO, 0.25, 380, 620),
    ],
)
def test_share_of_traces_is_kept(
    collector: Collector, sampler: Sampler, ratio: float, least: int, most: int
) -> None:
    ours = traces(collector, sampler=sampler, ratio=ratio)
    kept = sum(ours.samples() for _ in range(2_000))
    assert ours.close(5)
    assert least <= kept <= most
