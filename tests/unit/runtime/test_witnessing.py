"""A process tells of deliveries where it is asked to; where it is not, it does not even load the library."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import structlog

from libs.runtime.configuration import ConfigurationError
from libs.runtime.metrics import REGISTRY
from libs.runtime.settings import LogDeliveries, load_settings
from libs.runtime.tracing.opening import witnessing
from libs.runtime.tracing.witness import Witness, not_told

ON = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
LOADED = """
import asyncio, sys
import services.cli.processes
from libs.runtime.settings import load_settings
from libs.runtime.tracing.opening import witnessing

async def main():
    async with witnessing(load_settings(grace=0.5), "ingress") as witness:
        print(witness is not None, any(m.partition(".")[0] == "opentelemetry" for m in sys.modules))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("variables", "told"),
    [({}, "False False"), ({"CAUDAL_LOG_DELIVERIES": "all"}, "True False"), (ON, "True True")],
    ids=["off", "lines", "on"],
)
def test_library_is_loaded_where_tracing_is_on(variables: dict[str, str], told: str) -> None:
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("CAUDAL_", "OTEL_"))}
    ran = subprocess.run(
        [sys.executable, "-c", LOADED],
        check=True,
        capture_output=True,
        text=True,
        env=kept | variables,
        timeout=60,
    )
    assert ran.stdout.splitlines()[-1] == told


async def witness(variables: dict[str, str] | None = None, **settings: object) -> Witness | None:
    async with witnessing(
        load_settings(grace=0.5, **settings), "ingress", variables=variables or {}
    ) as found:
        return found


async def test_nobody_tells_by_default() -> None:
    assert await witness() is None


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"log_deliveries": "all"}, LogDeliveries.ALL),
        ({"log_level": "debug"}, LogDeliveries.ALL),
        ({"log_deliveries": "none", "log_level": "debug"}, LogDeliveries.ALL),
    ],
)
async def test_lines_need_no_tracing(settings: dict[str, Any], lines: LogDeliveries) -> None:
    assert await witness(**settings) == Witness(None, lines)


async def test_nothing_is_sampled_without_tracing() -> None:
    """The flag of a context that no sampler decided means nothing; and whoever hoped is told."""
    with structlog.testing.capture_logs() as logged:
        assert await witness(log_deliveries="sampled") is None
    assert [(line["event"], line["key"]) for line in logged] == [
        ("configuration_odd", "CAUDAL_LOG_DELIVERIES")
    ]


async def test_wrong_variable_of_the_library_is_a_wrong_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1")
    with pytest.raises(ConfigurationError, match="OTEL_"):
        await witness(ON)
    with pytest.raises(ConfigurationError, match="OTEL_TRACES_SAMPLER"):
        await witness({**ON, "OTEL_TRACES_SAMPLER": "by_feeling"})


@pytest.mark.parametrize("raised", [ValueError, RuntimeError, ImportError, FileNotFoundError])
async def test_what_the_library_refuses_is_a_wrong_configuration(
    monkeypatch: pytest.MonkeyPatch, raised: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise raised("hunter2")

    monkeypatch.setattr("libs.runtime.tracing.exported.open_traces", refuse)
    with pytest.raises(ConfigurationError, match=raised.__name__) as caught:
        await witness(ON)
    assert "hunter2" not in str(caught.value)


def test_what_cannot_be_told_is_counted_and_logged_once() -> None:
    def failed() -> float:
        found = REGISTRY.get_sample_value("caudal_trace_spans_total", {"outcome": "failed"})
        return found or 0

    def bug() -> None:
        raise RuntimeError("hunter2")

    before = failed()
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            try:
                bug()
            except RuntimeError as error:
                not_told(error)
    assert [line["event"] for line in logged] == ["delivery_not_told"]
    assert "hunter2" not in repr(logged)
    assert failed() - before == 3
