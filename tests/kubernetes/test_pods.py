"""What each pod may do: nobody is root, everything is bounded, what runs is looked after, disks stay."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest
import yaml

from libs.embedded import images
from tests.kubernetes.rendered import (
    ALERTS,
    COMPONENT,
    OPERATOR,
    OURS,
    OVERLAYS,
    Pods,
    containers,
    of_kind,
    pods,
    variables,
)

GRACE_AND_GOODBYES: Final = 60  # seconds; as Compose grants (docker-compose.yml)
RESTRICTED_VOLUMES: Final = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@each_overlay
def test_all_of_us_are_there(overlay: str) -> None:
    found = {each.name: each.kind for each in pods(overlay) if each.ours}
    assert found == {
        "ingress": "StatefulSet",
        "normalizer": "Deployment",
        "reconciler": "Deployment",
        "operator": "Deployment",
        "migrate": "Job",
        "topology": "Job",
    }


@each_overlay
def test_nobody_is_there_to_type_until_somebody_asks(overlay: str) -> None:
    """And then one: what was begun there is not begun twice by the cluster."""
    assert [each.name for each in pods(overlay) if each.waits] == [OPERATOR]
    assert of_ours(overlay, OPERATOR).workload["spec"]["strategy"] == {"type": "Recreate"}


@each_overlay
def test_nobody_is_root_or_may_become_it(overlay: str) -> None:
    for each in pods(overlay):
        whole = each.spec["securityContext"]
        assert whole["runAsNonRoot"] is True, each.name
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}, each.name
        assert whole["runAsUser"] >= 1, each.name
        if each.ours:
            assert (whole["runAsUser"], whole["runAsGroup"], whole["fsGroup"]) == (10001,) * 3
        assert each.spec["automountServiceAccountToken"] is False, each.name
        assert each.spec["enableServiceLinks"] is False, each.name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & each.spec.keys(), each.name
        volumes = [set(volume) - {"name"} for volume in each.spec["volumes"]]
        assert all(kinds <= RESTRICTED_VOLUMES for kinds in volumes), each.name


@each_overlay
def test_no_container_writes_to_its_image_or_has_a_capability(overlay: str) -> None:
    for each, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, (each.name, container["name"])


@each_overlay
def test_every_container_is_bounded(overlay: str) -> None:
    for each, container in containers(overlay):
        told = container["resources"]
        for part in ("requests", "limits"):
            assert told[part].keys() == {"cpu", "memory", "ephemeral-storage"}, each.name
        for name, size in told["requests"].items():
            assert quantity(size) <= quantity(told["limits"][name]), (each.name, name)
        for volume in each.spec["volumes"]:
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], each.name


@each_overlay
def test_whoever_serves_is_looked_after(overlay: str) -> None:
    for each, container in containers(overlay):
        probes = {"startupProbe", "readinessProbe", "livenessProbe"}
        if not each.serves:
            assert not probes & container.keys()
            if each.kind == "Job":
                assert each.workload["spec"]["backoffLimit"] >= 1
                assert each.workload["spec"]["activeDeadlineSeconds"]
            continue
        assert probes <= container.keys(), each.name
        for name in probes:
            probe = container[name]
            if "httpGet" in probe:
                assert probe["httpGet"]["port"] in each.ports
            if "tcpSocket" in probe:
                assert probe["tcpSocket"]["port"] in each.ports


@each_overlay
def test_ingress_is_asked_whether_it_can_keep_what_comes(overlay: str) -> None:
    (container,) = of_ours(overlay, "ingress").containers
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "http"}
    # that the broker is away is no reason to start an ingress anew: its spool takes what comes
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    told = variables(overlay, container)
    assert told["CAUDAL_INGRESS_PORT"] == str(of_ours(overlay, "ingress").ports["http"])


@each_overlay
@pytest.mark.parametrize("name", ["normalizer", "reconciler"])
def test_workers_are_alive_while_their_loop_turns(overlay: str, name: str) -> None:
    (container,) = of_ours(overlay, name).containers
    for probe in ("readinessProbe", "livenessProbe"):
        assert '"$CAUDAL_HEARTBEAT_FILE"' in container[probe]["exec"]["command"][-1]
    told = variables(overlay, container)
    mounts = {
        mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")
    }
    assert str(told["CAUDAL_HEARTBEAT_FILE"]).rpartition("/")[0] in mounts


@each_overlay
def test_stopping_gets_the_time_that_it_takes(overlay: str) -> None:
    for name in OURS:
        each = of_ours(overlay, name)
        (container,) = each.containers
        grace = float(variables(overlay, container)["CAUDAL_GRACE"] or 0)
        before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        waits = int(before[1]) if before else 0
        granted = each.spec["terminationGracePeriodSeconds"] - waits
        assert granted >= GRACE_AND_GOODBYES, name
        assert granted >= 2 * grace, name
    # who is called has to be out of everybody's list before it stops listening
    assert of_ours(overlay, "ingress").containers[0]["lifecycle"]["preStop"]


@each_overlay
def test_volumes_and_maps_that_are_named_exist(overlay: str) -> None:
    maps = {each["metadata"]["name"] for each in of_kind(overlay, "ConfigMap")}
    for each in pods(overlay):
        claims = {
            claim["metadata"]["name"]
            for claim in each.workload["spec"].get("volumeClaimTemplates", ())
        }
        volumes = {volume["name"] for volume in each.spec["volumes"]} | claims
        for container in each.containers:
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted <= volumes, each.name
        for volume in each.spec["volumes"]:
            assert volume.get("configMap", {}).get("name", next(iter(maps))) in maps, volume


@each_overlay
def test_one_release_has_one_image(overlay: str) -> None:
    found = {container["image"] for each, container in containers(overlay) if each.ours}
    assert len(found) == 1, found
    assert found != {"caudal"}, "no overlay said which"


def test_servers_are_those_of_compose() -> None:
    """The same program, major version and flavour; here with all of the version."""
    found = {container["image"] for each, container in containers("single-node") if not each.ours}
    assert {family(image) for image in found} == {family(images.RABBITMQ), family(images.POSTGRES)}
    assert all("." in image.partition(":")[2] for image in found)


def family(image: str) -> tuple[str, str, str]:
    name, _, tag = image.partition("@")[0].partition(":")
    version, _, flavour = tag.partition("-")
    return name, version.partition(".")[0], flavour


@each_overlay
def test_spool_is_on_a_disk_that_stays(overlay: str) -> None:
    ingress = of_ours(overlay, "ingress").workload["spec"]
    (claim,) = ingress["volumeClaimTemplates"]
    assert ingress["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }
    (container,) = of_ours(overlay, "ingress").containers
    told = variables(overlay, container)
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts[claim["metadata"]["name"]] == told["CAUDAL_SPOOL_DIR"]
    room = quantity(claim["spec"]["resources"]["requests"]["storage"])
    # what can no longer be read is set aside beside what is being written
    assert int(told["CAUDAL_SPOOL_MAX_BYTES"] or 0) * 2 <= room


@each_overlay
def test_disk_is_not_opened_to_the_group_at_each_mount(overlay: str) -> None:
    """Erlang refuses a cookie that its group may read; and a large disk takes long."""
    with_disk = [each for each in pods(overlay) if "volumeClaimTemplates" in each.workload["spec"]]
    assert with_disk
    for each in with_disk:
        told = each.spec["securityContext"]["fsGroupChangePolicy"]
        assert told == "OnRootMismatch", each.name


@each_overlay
def test_alert_of_memory_comes_before_the_limit(overlay: str) -> None:
    """Whoever is told that a process holds much has a process to look at."""
    (expression,) = (
        rule["expr"]
        for group in yaml.safe_load(ALERTS.read_text())["groups"]
        for rule in group["rules"]
        if "process_resident_memory_bytes" in rule["expr"]
    )
    most = float(expression.rpartition(">")[2])
    for name in OURS:
        (container,) = of_ours(overlay, name).containers
        assert quantity(container["resources"]["limits"]["memory"]) > 1.2 * most, name


@each_overlay
def test_workers_roll_without_a_gap(overlay: str) -> None:
    for name in ("normalizer", "reconciler"):
        told = of_ours(overlay, name).workload["spec"]["strategy"]
        assert told["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@each_overlay
def test_pods_of_a_kind_keep_apart(overlay: str) -> None:
    for name in OURS:
        each = of_ours(overlay, name)
        spread = each.spec["topologySpreadConstraints"]
        keys = [told["topologyKey"] for told in spread]
        assert "kubernetes.io/hostname" in keys
        assert ("topology.kubernetes.io/zone" in keys) == (overlay == "production")
        for told in spread:
            by = {**told["labelSelector"]["matchLabels"]}
            by |= {key: each.labels[key] for key in told.get("matchLabelKeys", ())}
            assert by[COMPONENT] == name
            assert by.items() <= each.labels.items()


def of_ours(overlay: str, name: str) -> Pods:
    (found,) = (each for each in pods(overlay) if each.name == name)
    return found


UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "m": 1e-3, "": 1.0}


def quantity(written: str | int) -> float:
    """Read an amount as Kubernetes has it."""
    number = str(written).rstrip("KMGim")
    return float(number) * UNITS[str(written)[len(number) :]]


def test_quantities_are_read() -> None:
    assert [quantity(each) for each in ("250m", "1", 2, "64Mi")] == [0.25, 1, 2, 67_108_864]
    assert all(quantity(a) < quantity(b) for a, b in pairwise(["1m", "1", "1Ki", "1Mi", "1Gi"]))
