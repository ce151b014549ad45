"""The manifests as a cluster gets them: rendered by kustomize itself, and taken apart for the tests."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

TOP: Final = Path(__file__).parents[2]
FOLDER: Final = TOP / "deploy" / "kubernetes"
ALERTS: Final = TOP / "deploy" / "prometheus" / "alerts.yml"
DASHBOARDS: Final = TOP / "deploy" / "grafana" / "dashboards"
EXAMPLE: Final = FOLDER / "secrets.example"
OVERLAYS: Final = ("single-node", "production")
OURS: Final = ("ingress", "normalizer", "reconciler")
OPERATOR: Final = "operator"  # where people type, while they do
COMPONENT: Final = "app.kubernetes.io/component"
WORKLOADS: Final = ("Deployment", "StatefulSet", "Job")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of one workload."""

    kind: str
    name: str
    workload: Json

    @property
    def template(self) -> Json:
        found: Json = self.workload["spec"]["template"]
        return found

    @property
    def labels(self) -> dict[str, str]:
        found: dict[str, str] = self.template["metadata"]["labels"]
        return found

    @property
    def spec(self) -> Json:
        found: Json = self.template["spec"]
        return found

    @property
    def containers(self) -> list[Json]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """The named ports of its containers."""
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", ())
        }

    @property
    def serves(self) -> bool:
        """Whether it runs for good."""
        return self.kind != "Job" and not self.waits

    @property
    def waits(self) -> bool:
        """Whether nobody is there until somebody asks for it."""
        return bool(self.workload["spec"].get("replicas") == 0)

    @property
    def ours(self) -> bool:
        return self.labels.get("app.kubernetes.io/name") == "caudal"


def kustomize() -> tuple[str, ...]:
    """Return the command that renders a folder. Fails in CI without it, and skips elsewhere."""
    beside = TOP / ".venv" / "bin"
    path = os.pathsep.join([os.environ.get("PATH", ""), str(beside)])
    if found := shutil.which("kubectl", path=path):
        return (found, "kustomize")
    if found := shutil.which("kustomize", path=path):
        return (found, "build")
    why = "neither kubectl nor kustomize is here (deploy/dev/ensure-kubectl)"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@functools.cache
def documents(folder: str) -> tuple[Json, ...]:
    """Render one folder below deploy/kubernetes."""
    ran = subprocess.run(
        [*kustomize(), str(FOLDER / folder)], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "Warning" not in ran.stderr, ran.stderr
    return tuple(each for each in yaml.safe_load_all(ran.stdout) if each is not None)


def everything(overlay: str) -> tuple[Json, ...]:
    """Return what an overlay has: what runs, and what is prepared before."""
    return documents(f"overlays/{overlay}") + documents(f"overlays/{overlay}/prepare")


def of_kind(overlay: str, *kinds: str) -> list[Json]:
    return [each for each in everything(overlay) if each["kind"] in kinds]


def pods(overlay: str) -> list[Pods]:
    return [
        Pods(each["kind"], each["metadata"]["name"], each) for each in of_kind(overlay, *WORKLOADS)
    ]


def containers(overlay: str) -> list[tuple[Pods, Json]]:
    return [(each, container) for each in pods(overlay) for container in each.containers]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector (labels, or matchLabels and matchExpressions) takes these labels."""
    known = {"matchLabels", "matchExpressions"}
    if selector and not selector.keys() & known:
        return selector.items() <= labels.items()
    assert selector.keys() <= known, selector
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for told in selector.get("matchExpressions", ()):
        assert told["operator"] == "In", told
        if labels.get(told["key"]) not in told["values"]:
            return False
    return True


def variables(overlay: str, container: Json) -> dict[str, str | None]:
    """Return what a container is told, by `env` and by the maps that it takes whole; None for a value from elsewhere."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    found: dict[str, str | None] = {}
    for source in container.get("envFrom", ()):
        if reference := source.get("configMapRef"):
            found |= maps[reference["name"]]
    for each in container.get("env", ()):
        found[each["name"]] = each.get("value")
    return found


def secret_keys(name: str) -> set[str]:
    """Return the keys of a Secret, as the example has them."""
    folder = EXAMPLE / name
    return {each.name for each in folder.iterdir()} if folder.is_dir() else set()


def strings(told: object) -> Iterator[str]:
    """Return every string in it."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        for key, value in told.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(told, list | tuple):
        for each in told:
            yield from strings(each)
