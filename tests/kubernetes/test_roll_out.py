"""`roll-out`: what it asks the cluster for, in which order, and where it stops. The cluster is played."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.kubernetes.rendered import COMPONENT, FOLDER, OVERLAYS, everything, of_kind

ROLL_OUT: Final = FOLDER / "roll-out"
# Notes what it is asked, and answers from variables: what jobs end as, and what is not healthy.
KUBECTL: Final = """\
#!/bin/sh
echo "$*" >> "$NOTES"
case "$*" in
  *"get job/"*) printf '%s' "$JOBS" ;;
  *"get statefulset"*) printf '%s' "$SERVERS" ;;
  *"rollout status $SICK"*) exit 1 ;;
esac
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    return tmp_path


def roll_out(cluster: Path, *arguments: str, **told: str) -> tuple[int, list[str], str]:
    notes = cluster / "notes"
    notes.write_text("")
    environment = {
        **os.environ,
        "PATH": f"{cluster}{os.pathsep}{os.environ['PATH']}",
        "NOTES": str(notes),
        "JOBS": "Complete",
        "SERVERS": "",
        "SICK": "nobody",
        **told,
    }
    ran = subprocess.run(
        [str(ROLL_OUT), *arguments], check=False, capture_output=True, text=True, env=environment
    )
    return ran.returncode, notes.read_text().splitlines(), ran.stderr


OVERLAY: Final = str(FOLDER / "overlays" / "production")


def test_schema_and_topology_come_before_any_process_and_readers_before_writers(
    cluster: Path,
) -> None:
    code, asked, _ = roll_out(cluster, OVERLAY)
    assert code == 0
    steps = [
        next(number for number, line in enumerate(asked) if what in line)
        for what in (
            f"--selector {COMPONENT} notin (ingress,normalizer,reconciler)",
            "delete job migrate topology",
            f"apply --kustomize {OVERLAY}/prepare",
            "get job/migrate",
            "get job/topology",
            f"--selector {COMPONENT}=reconciler",
            "rollout status deployment/reconciler",
            f"--selector {COMPONENT}=normalizer",
            "rollout status deployment/normalizer",
            f"--selector {COMPONENT}=ingress",
            "rollout status statefulset/ingress",
        )
    ]
    assert steps == sorted(steps)


def test_servers_of_the_overlay_are_waited_for_first(cluster: Path) -> None:
    servers = "statefulset.apps/rabbitmq\nstatefulset.apps/postgres\n"
    code, asked, _ = roll_out(cluster, OVERLAY, SERVERS=servers)
    assert code == 0
    jobs = next(number for number, line in enumerate(asked) if "delete job" in line)
    for name in ("rabbitmq", "postgres"):
        line = next(line for line in asked if f"rollout status statefulset.apps/{name}" in line)
        assert asked.index(line) < jobs


def test_failed_migration_touches_no_process(cluster: Path) -> None:
    code, asked, said = roll_out(cluster, OVERLAY, JOBS="FailureTarget Failed")
    assert code == 1
    assert "the job migrate did not do it; no process was touched" in said
    assert any("logs job/migrate" in line for line in asked)
    assert not any(f"{COMPONENT}=" in line for line in asked)


def test_migration_that_never_ends_is_not_waited_for_for_ever(cluster: Path) -> None:
    code, asked, _ = roll_out(cluster, OVERLAY, JOBS="", WITHIN="1")
    assert code == 1
    assert not any(f"{COMPONENT}=" in line for line in asked)


def test_job_is_waited_for_as_long_as_the_cluster_lets_it_run(cluster: Path) -> None:
    """Else it is given up, and deleted by the next one, in the middle of its work."""
    naps = cluster / "naps"
    program = cluster / "sleep"
    program.write_text(f'#!/bin/sh\necho "$1" >> {naps}\n')
    program.chmod(0o755)
    code, _, _ = roll_out(cluster, OVERLAY, JOBS="")
    assert code == 1
    slept = sum(int(line) for line in naps.read_text().splitlines())
    for overlay in OVERLAYS:
        for job in of_kind(overlay, "Job"):
            assert slept > job["spec"]["activeDeadlineSeconds"]


def test_sick_reconciler_stops_it_before_the_others(cluster: Path) -> None:
    code, asked, said = roll_out(cluster, OVERLAY, SICK="deployment/reconciler")
    assert code == 1
    assert "deployment/reconciler is not healthy" in said
    assert not any(f"{COMPONENT}=normalizer" in line for line in asked)
    assert not any(f"{COMPONENT}=ingress" in line for line in asked)


@pytest.mark.parametrize("arguments", [[], ["/nowhere"], [str(FOLDER / "base")], ["a", "b"]])
def test_misuse_is_told(cluster: Path, arguments: list[str]) -> None:
    code, asked, said = roll_out(cluster, *arguments)
    assert (code, asked) == (2, [])
    assert "usage" in said


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_in_exactly_one_step(overlay: str) -> None:
    """Nothing that a process needs comes with another process, and nothing is left out."""
    steps = {"ingress", "normalizer", "reconciler"}
    early = {"Namespace", "ServiceAccount", "ConfigMap", "NetworkPolicy"}
    for each in everything(overlay):
        step = each["metadata"].get("labels", {}).get(COMPONENT)
        if each["kind"] in early:
            assert step not in steps, each["metadata"]["name"]
        if each["kind"] in {"Deployment", "ScaledObject", "PodDisruptionBudget"}:
            assert step == each["metadata"]["name"]
