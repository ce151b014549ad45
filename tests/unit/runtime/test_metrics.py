"""Metrics: a closed set that is well named, and a worker's small door to read them by."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.metrics import REGISTRY, SPOOL_DRAINED
from libs.runtime.metrics_port import exposition, telling_metrics


def test_every_metric_is_ours_and_explained() -> None:
    for metric in REGISTRY.collect():
        assert metric.name.startswith(("caudal_", "process_")), metric.name
        assert metric.documentation.endswith("."), metric.name


def test_exposition_tells_values() -> None:
    before = REGISTRY.get_sample_value("caudal_spool_drained_total") or 0
    SPOOL_DRAINED.inc()
    assert f"caudal_spool_drained_total {before + 1}" in exposition().decode()
    assert "_created" not in exposition().decode()


async def test_worker_answers_on_its_port() -> None:
    async with telling_metrics("127.0.0.1", 0) as url, aiohttp.ClientSession() as http:
        assert url is not None
        async with http.get(url) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/plain"
            assert "caudal_ingress_accept_level" in await answer.text()


async def test_no_port_is_no_door() -> None:
    async with telling_metrics("127.0.0.1", None) as url:
        assert url is None


async def test_taken_port_names_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError) as caught:
            async with telling_metrics("127.0.0.1", taken.getsockname()[1]):
                pytest.fail("it listened all the same")
    assert caught.value.key == "CAUDAL_METRICS_PORT"
