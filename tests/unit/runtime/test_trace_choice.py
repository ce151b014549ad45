"""The standard variables: when tracing is on, and what cannot be meant is refused by name."""

from __future__ import annotations

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.tracing.choice import Choice, Exporter, Sampler, chosen

AT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_TRACES_EXPORTER": ""},
        {"OTEL_TRACES_EXPORTER": "none", **AT},
        {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp", **AT},
        {"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_SAMPLER": "nonsense", **AT},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"},
        {"OTEL_SERVICE_NAME": "caudal", "OTEL_TRACES_SAMPLER": "always_on"},
    ],
)
def test_off_unless_it_is_said_where_to(variables: dict[str, str]) -> None:
    assert chosen(variables) is None


@pytest.mark.parametrize(
    ("variables", "choice"),
    [
        (AT, Choice(Exporter.OTLP)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces"}, Choice(Exporter.OTLP)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, Choice(Exporter.OTLP)),
        ({"OTEL_TRACES_EXPORTER": " Console "}, Choice(Exporter.CONSOLE)),
        ({**AT, "OTEL_SDK_DISABLED": "false"}, Choice(Exporter.OTLP)),
        ({**AT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, Choice(Exporter.OTLP)),
        ({**AT, "OTEL_TRACES_SAMPLER": "parentbased_always_on"}, Choice(Exporter.OTLP)),
        (
            {**AT, "OTEL_TRACES_SAMPLER": "always_off"},
            Choice(Exporter.OTLP, Sampler.ALWAYS_OFF),
        ),
        (
            {
                **AT,
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.01",
            },
            Choice(Exporter.OTLP, Sampler.RATIO, 0.01),
        ),
        ({**AT, "OTEL_TRACES_SAMPLER": "traceidratio"}, Choice(Exporter.OTLP, Sampler.RATIO, 1.0)),
        (
            {**AT, "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_SPAN_LINK_COUNT_LIMIT": "7"},
            Choice(Exporter.OTLP, queue=100, links=7),
        ),
        ({**AT, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9"}, Choice(Exporter.OTLP, at_once=9)),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli",
                "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "GZIP",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "abc",
                "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2.5",
                "OTEL_EXPORTER_OTLP_HEADERS": "broken",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=Bearer%20a, x-a = b=c,",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/file",
                "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": __file__,
            },
            Choice(Exporter.OTLP),
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "console",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli",
                "OTEL_RESOURCE_ATTRIBUTES": "a=b, c=d=e,",
                "OTEL_BSP_SCHEDULE_DELAY": "100",
                "OTEL_BSP_EXPORT_TIMEOUT": "100",
            },
            Choice(Exporter.CONSOLE),
        ),
    ],
)
def test_on_as_it_is_said(variables: dict[str, str], choice: Choice) -> None:
    assert chosen(variables) == choice


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_EXPORTER", "otlp,console"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@[::1"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "-0.1"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
        ("OTEL_TRACES_SAMPLER_ARG", "much"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "many"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "abc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "inf"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b,hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such/file"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "hunter2"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "hunter2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,hunter2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=hunter2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "abc"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "-1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_quoted(name: str, value: str) -> None:
    variables = {**AT, "OTEL_TRACES_SAMPLER": "traceidratio", name: value}
    with pytest.raises(ConfigurationError) as caught:
        chosen(variables)
    assert caught.value.key == name
    assert "hunter2" not in str(caught.value)
