"""The component `way-in`, added to the overlay `single-node` as the README has it: webhooks come in, by TLS, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.kubernetes.rendered import FOLDER, Json, documents, everything, of_kind, pods, variables
from tests.kubernetes.test_schemas import NEWEST, OLDEST, check

PROXIES: Final = "10.244.0.0/16"


@pytest.fixture
def overlay(tmp_path: Path) -> str:
    """Return the overlay with the component, and with what it is told beside."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    file = copy / "overlays" / "single-node" / "kustomization.yaml"
    file.write_text(file.read_text() + _told())
    whole = yaml.safe_load(file.read_text())
    whole["components"].append("../../components/way-in")
    file.write_text(yaml.safe_dump(whole))
    return os.path.relpath(file.parent, FOLDER / "overlays")


def _told() -> str:
    """Return what the README has people write into the overlay: the block about the proxies' network."""
    lines = (FOLDER / "README.md").read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line.strip() == "configMapGenerator:")
    block = lines[first : first + 4]
    assert PROXIES in block[-1]
    return "\n".join(line.removeprefix("    ") for line in block) + "\n"


def test_every_document_is_as_was_published(overlay: str) -> None:
    for version in (OLDEST, NEWEST):
        for document in everything(overlay):
            check(document, version)


def test_it_is_that_of_production(overlay: str) -> None:
    def way(rendered: str) -> Json:
        found: Json
        (found,) = of_kind(rendered, "Ingress")
        return found

    assert way(overlay) == way("production")
    assert not [each for each in documents("overlays/single-node") if each["kind"] == "Ingress"]


def test_proxies_that_lead_in_are_believed(overlay: str) -> None:
    (ingress,) = (each for each in pods(overlay) if each.name == "ingress")
    (container,) = ingress.containers
    assert variables(overlay, container)["CAUDAL_TRUSTED_PROXIES"] == PROXIES
