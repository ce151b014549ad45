"""What the demo of traces tells its workers, whatever is in the shell that it is started from."""

from __future__ import annotations

from libs.runtime.tracing.choice import Choice, Exporter, chosen
from services.demo.tracing import told_to_workers

AT = "http://127.0.0.1:4318"
AROUND = {
    "OTEL_SDK_DISABLED": "true",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_TRACES_SAMPLER": "always_off",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://elsewhere.example/v1/traces",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "deflate",
    "OTEL_BSP_MAX_QUEUE_SIZE": "1",
    "OTEL_SERVICE_NAME": "shop",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop",
    "PATH": "/bin",
}


def test_what_is_around_says_nothing_of_traces() -> None:
    told = {**AROUND, **told_to_workers(AT, AROUND)}
    assert chosen(told) == Choice(Exporter.OTLP)
    said = {name for name, value in told.items() if name.startswith("OTEL_") and value}
    assert said == told_to_workers(AT, {}).keys()
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == AT
    assert told["PATH"] == "/bin"
