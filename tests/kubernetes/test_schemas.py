"""Against what was published: Kubernetes' own schemas, and those of KEDA and of the Prometheus operator.

`kubernetes-validate` carries the first, one for each version; strictly, so that a field that nobody knows is an error, and not
pruned in silence. What is not Kubernetes' own stands in `schemas/`.
"""

from __future__ import annotations

import copy
import functools
import json
import subprocess
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.kubernetes.rendered import (
    ALERTS,
    DASHBOARDS,
    FOLDER,
    OVERLAYS,
    Json,
    everything,
    of_kind,
)

OLDEST: Final = "1.29"  # as the README says
NEWEST: Final = "1.37"
LARGEST_MAP: Final = 1_000_000  # bytes, of the 1 MiB that a ConfigMap may have
SCHEMAS: Final = Path(__file__).parent / "schemas"
OTHERS: Final = {file.stem for file in SCHEMAS.glob("*.json")}


@functools.cache
def schema(kind: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads((SCHEMAS / f"{kind}.json").read_text()))


def check(document: Json, version: str) -> None:
    """Raise where a document is not as was published."""
    if document["kind"] in OTHERS:
        schema(document["kind"]).validate(document)
    else:
        kubernetes_validate.validate(document, version, strict=True)


WRONG: Final = (kubernetes_validate.ValidationError, jsonschema.ValidationError)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_document_is_as_was_published(overlay: str, version: str) -> None:
    found = everything(overlay)
    assert len(found) > 20
    for document in found:
        check(document, version)


def changed(document: Json, *path: str | int, value: Any) -> Json:  # noqa: ANN401 - whatever is wrong
    """Return a copy with another value at a place."""
    whole = copy.deepcopy(document)
    place: Any = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return whole


CONTAINER: Final = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "replica"), 3),
        ("Deployment", (*CONTAINER, "livenessprobe"), {}),
        ("Deployment", (*CONTAINER, "ports", 0, "containerPort"), "metrics"),
        ("StatefulSet", ("spec", "persistentVolumeClaimRetentionPolicy", "whenDelete"), "Retain"),
        ("NetworkPolicy", ("spec", "egres"), []),
        ("PodDisruptionBudget", ("spec", "maxUnavailable"), [1]),
        ("ScaledObject", ("spec", "minReplicas"), 2),
        ("ScaledObject", ("spec", "fallback", "behavior"), "stay"),
        ("ScaledObject", ("spec", "triggers", 0, "metadata", "threshold"), 30),
        ("ScaledObject", ("spec", "scaleTargetRef"), {}),
        ("ServiceMonitor", ("spec", "endpoints", 0, "intervall"), "15s"),
        ("PodMonitor", ("spec", "selector"), None),
    ],
)
def test_slip_is_noticed(kind: str, path: tuple[str | int, ...], value: object) -> None:
    document = of_kind("production", kind)[0]
    check(document, NEWEST)
    with pytest.raises(WRONG):
        check(changed(document, *path, value=value), NEWEST)


SAMPLE: Final = """\
# a comment
groups:
  - name: caudal
    rules:
      - alert: SourceSilent
        expr: max by (source) (caudal_source_silent) == 1
        for: 10m
        labels: { severity: page }
        annotations:
          description: |
            several

            lines
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(FOLDER / script), *arguments], check=False, capture_output=True, text=True
    )


def wrapped(rules: Path, *base: str) -> Json:
    ran = run("prometheus-rule", str(rules), *base)
    assert ran.returncode == 0, ran.stderr
    found: Json = yaml.safe_load(ran.stdout)
    return found


def test_rules_are_wrapped_as_they_are(tmp_path: Path) -> None:
    files = [tmp_path / "alerts.yml", *([ALERTS] if ALERTS.exists() else [])]
    files[0].write_text(SAMPLE)
    for file in files:
        found = wrapped(file)
        assert found["spec"] == yaml.safe_load(file.read_text())
        assert found["metadata"]["namespace"] == "caudal"
        schema("PrometheusRule").validate(found)


@pytest.mark.parametrize("base", ["https://git.example.com/a%20b/main", "http://localhost:3000/"])
def test_runbook_is_led_to_where_it_can_be_read(base: str) -> None:
    """And nothing else of the rules changes."""
    whole = yaml.safe_dump(yaml.safe_load(ALERTS.read_text()))
    led = whole.replace("runbook_url: deploy/", f"runbook_url: {base.rstrip('/')}/deploy/")
    assert led != whole
    assert wrapped(ALERTS, base)["spec"] == yaml.safe_load(led)


@pytest.mark.parametrize("base", ["docs", "https://", "https://a b", "https://a|b", "https://a#b"])
def test_what_is_no_address_leads_nowhere(base: str) -> None:
    ran = run("prometheus-rule", str(ALERTS), base)
    assert (ran.returncode, ran.stdout, "usage" in ran.stderr) == (2, "", True)


def test_dashboards_are_wrapped_as_they_are() -> None:
    files = sorted(DASHBOARDS.glob("*.json"))
    ran = run("grafana-dashboards", *map(str, files))
    assert ran.returncode == 0, ran.stderr
    maps = list(yaml.safe_load_all(ran.stdout))
    assert len(maps) == len(files) >= 5
    for file, found in zip(files, maps, strict=True):
        for version in (OLDEST, NEWEST):
            check(found, version)
        assert found["metadata"]["namespace"] == "caudal"
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        # the sidecar writes all of them into one folder, with what others have
        assert found["data"] == {f"caudal-{file.stem}.json": file.read_text()}
        assert len(file.read_bytes()) < LARGEST_MAP
    assert len({found["metadata"]["name"] for found in maps}) == len(maps)


@pytest.mark.parametrize(
    "script", ["roll-out", "apply-secrets", "prometheus-rule", "grafana-dashboards"]
)
def test_scripts_say_how_they_are_used(script: str) -> None:
    ran = run(script)
    assert (ran.returncode, "usage" in ran.stderr) == (2, True)
