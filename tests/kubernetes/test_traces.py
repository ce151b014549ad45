"""The component `traces`, added to an overlay: where spans go is said to the three processes, and they may go there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml

from libs.runtime.tracing.choice import Exporter, chosen
from tests.kubernetes.rendered import FOLDER, OURS, OVERLAYS, everything, pods, variables
from tests.kubernetes.test_network import reached
from tests.kubernetes.test_schemas import NEWEST, OLDEST, check

COLLECTOR: Final = ("observability", 4318)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an overlay with the component, as the README has it."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    file = copy / "overlays" / request.param / "kustomization.yaml"
    told = yaml.safe_load(file.read_text())
    told["components"].append("../../components/traces")
    file.write_text(yaml.safe_dump(told))
    return os.path.relpath(file.parent, FOLDER / "overlays")


def test_every_document_is_as_was_published(overlay: str) -> None:
    for version in (OLDEST, NEWEST):
        for document in everything(overlay):
            check(document, version)


def test_processes_are_told_where_to_and_reach_it_and_jobs_do_not(overlay: str) -> None:
    for each in pods(overlay):
        if each.name not in OURS:
            assert COLLECTOR not in reached(overlay, each), each.name
            continue
        assert COLLECTOR in reached(overlay, each), each.name
        (container,) = each.containers
        told = {name: value for name, value in variables(overlay, container).items() if value}
        endpoint = urlsplit(told["OTEL_EXPORTER_OTLP_ENDPOINT"])
        assert (str(endpoint.hostname).split(".")[1], endpoint.port) == COLLECTOR
        choice = chosen(told)
        assert choice is not None
        assert choice.exporter is Exporter.OTLP
        assert choice.ratio == 0.01
