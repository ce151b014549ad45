"""Selectors, ports and policies: each takes what it means, and nobody reaches more than it needs."""

from __future__ import annotations

from typing import Any, Final

import pytest

from libs.runtime.settings import Settings
from tests.kubernetes.rendered import (
    COMPONENT,
    OURS,
    OVERLAYS,
    Json,
    Pods,
    everything,
    matches,
    of_kind,
    pods,
    variables,
)

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
INGRESS_CONTROLLER: Final = "ingress-nginx"
PROMETHEUS: Final = "monitoring"
NAMES_ON_THE_NODE: Final = "169.254.20.10/32"  # NodeLocal DNSCache


def selected(overlay: str, selector: Json) -> list[Pods]:
    return [each for each in pods(overlay) if matches(selector, each.labels)]


@each_overlay
def test_everything_is_in_the_namespace(overlay: str) -> None:
    for each in everything(overlay):
        if each["kind"] == "Namespace":
            assert each["metadata"]["name"] == "caudal"
            assert each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        else:
            assert each["metadata"]["namespace"] == "caudal"


@each_overlay
def test_workloads_select_their_own_pods_and_no_others(overlay: str) -> None:
    for each in pods(overlay):
        if each.kind != "Job":
            assert selected(overlay, each.workload["spec"]["selector"]) == [each]


@each_overlay
def test_services_lead_to_ports_that_exist(overlay: str) -> None:
    services = of_kind(overlay, "Service")
    for service in services:
        found = selected(overlay, service["spec"]["selector"])
        assert found, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            assert all(port["targetPort"] in each.ports for each in found)
    names = {service["metadata"]["name"] for service in services}
    assert {
        each.workload["spec"]["serviceName"] for each in pods(overlay) if each.kind == "StatefulSet"
    } <= names


@each_overlay
def test_public_service_has_no_metrics(overlay: str) -> None:
    (public,) = (
        each for each in of_kind(overlay, "Service") if each["metadata"]["name"] == "ingress"
    )
    assert [port["targetPort"] for port in public["spec"]["ports"]] == ["http"]


def test_way_in_leads_to_webhooks_alone() -> None:
    (way,) = of_kind("production", "Ingress")
    assert way["spec"]["tls"], "without TLS"
    hosts = {host for told in way["spec"]["tls"] for host in told["hosts"]}
    services = {each["metadata"]["name"]: each for each in of_kind("production", "Service")}
    for rule in way["spec"]["rules"]:
        assert rule["host"] in hosts
        for path in rule["http"]["paths"]:
            assert path["path"] in {"/webhooks/", "/api/webhooks/retail-events"}
            told = path["backend"]["service"]
            ports = {port["name"] for port in services[told["name"]]["spec"]["ports"]}
            assert told["port"]["name"] in ports


def test_pod_that_takes_no_connection_costs_no_webhook() -> None:
    """The proxy asks the next one soon, and never for what one may have got already."""
    (way,) = of_kind("production", "Ingress")
    said = way["metadata"]["annotations"]
    told = {name.rpartition("/")[2]: value for name, value in said.items()}
    assert set(told["proxy-next-upstream"].split()) == {"error", "timeout"}
    assert float(told["proxy-connect-timeout"]) < float(told["proxy-read-timeout"])


@each_overlay
def test_budgets_leave_one_of_each_to_be_taken(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget")
    taken = [selected(overlay, each["spec"]["selector"]) for each in budgets]
    assert sorted(each.name for (each,) in taken) == sorted(OURS)
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets)
    # one that is not ready, and may never be, does not hold up a node
    assert all(each["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" for each in budgets)


@each_overlay
def test_policies_select_somebody(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        name = policy["metadata"]["name"]
        found = selected(overlay, policy["spec"]["podSelector"])
        assert found, name
        assert policy["spec"]["policyTypes"], name
        for told in policy["spec"].get("ingress", ()):
            for port in told["ports"]:
                if isinstance(port["port"], str):
                    assert any(port["port"] in each.ports for each in found), (name, port)
        for told in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
            for peer in (*told.get("from", ()), *told.get("to", ())):
                assert peer, "an empty peer is everybody"
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    assert selected(overlay, peer["podSelector"]), (name, peer)


@each_overlay
def test_everything_is_denied_first(overlay: str) -> None:
    (deny,) = (
        each["spec"]
        for each in of_kind(overlay, "NetworkPolicy")
        if not each["spec"]["podSelector"]
    )
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    assert not deny.keys() & {"ingress", "egress"}


def reached(overlay: str, each: Pods) -> set[tuple[str, int | str]]:
    """Return to whom a pod may speak: the place, and the port."""
    found: set[tuple[str, int | str]] = set()
    for policy in of_kind(overlay, "NetworkPolicy"):
        if matches(policy["spec"]["podSelector"], each.labels):
            for told in policy["spec"].get("egress", ()):
                found |= {
                    (place(peer), port["port"]) for peer in told["to"] for port in told["ports"]
                }
    return found


def place(peer: dict[str, Any]) -> str:
    if block := peer.get("ipBlock"):
        return str(block["cidr"])
    if namespace := peer.get("namespaceSelector"):
        return str(namespace["matchLabels"]["kubernetes.io/metadata.name"])
    return str(peer["podSelector"]["matchLabels"]["caudal/server"])


def test_each_reaches_what_it_needs_and_nothing_else() -> None:
    names = {("kube-system", 53), (NAMES_ON_THE_NODE, 53)}
    for overlay, broker, database in (
        ("single-node", ("broker", 5672), ("database", 5432)),
        ("production", ("rabbitmq", 5671), ("postgres", 5432)),
    ):
        found = {each.name: reached(overlay, each) for each in pods(overlay) if each.ours}
        assert found == {
            "ingress": names | {broker},
            "normalizer": names | {broker},
            "reconciler": names | {broker, database, ("0.0.0.0/0", 443)},
            "operator": names | {broker, database, ("0.0.0.0/0", 443)},
            "migrate": names | {database},
            "topology": names | {broker},
        }
        assert all(not reached(overlay, each) for each in pods(overlay) if not each.ours)


@each_overlay
def test_providers_are_not_an_address_of_ours(overlay: str) -> None:
    (policy,) = (
        each
        for each in of_kind(overlay, "NetworkPolicy")
        if each["metadata"]["name"] == "to-providers"
    )
    (peer,) = policy["spec"]["egress"][0]["to"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(
        peer["ipBlock"]["except"]
    )


def heard(overlay: str, each: Pods) -> set[tuple[str, int | str]]:
    """Return who may speak to a pod: from where, and at which port."""
    found: set[tuple[str, int | str]] = set()
    for policy in of_kind(overlay, "NetworkPolicy"):
        if matches(policy["spec"]["podSelector"], each.labels):
            for told in policy["spec"].get("ingress", ()):
                for peer in told["from"]:
                    from_ = peer.get("namespaceSelector", peer.get("podSelector"))["matchLabels"]
                    found |= {
                        (",".join(map(str, from_.values())), port["port"])
                        for port in told["ports"]
                        if port["port"] in each.ports
                    }
    return found


@each_overlay
def test_each_is_heard_by_whom_it_is_for(overlay: str) -> None:
    found = {each.name: heard(overlay, each) for each in pods(overlay) if each.kind != "Job"}
    metrics = (PROMETHEUS, "metrics")
    assert (
        found.items()
        >= {
            "ingress": {(INGRESS_CONTROLLER, "http"), metrics},
            "normalizer": {metrics},
            "reconciler": {metrics},
            "operator": set(),
        }.items()
    )
    if overlay == "single-node":
        assert found["rabbitmq"] == {("true", "amqp"), metrics}
        assert found["postgres"] == {("true", "postgres")}


@each_overlay
def test_metrics_are_told_where_they_are_fetched(overlay: str) -> None:
    for each in pods(overlay):
        if each.ours and each.serves:
            (container,) = each.containers
            told = variables(overlay, container)
            assert told["CAUDAL_METRICS_PORT"] == str(each.ports["metrics"])
            assert told["CAUDAL_METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - in a pod, loopback is out of reach
            assert Settings.model_fields.keys() >= {"metrics_host", "metrics_port"}


def test_monitors_find_each_process_once() -> None:
    """Whatever both kinds of monitor select between them is each of the three, at its port for metrics."""
    found: list[str] = []
    for monitor in of_kind("production", "PodMonitor"):
        for each in selected("production", monitor["spec"]["selector"]):
            found += [
                each.name
                for end in monitor["spec"]["podMetricsEndpoints"]
                if end["port"] in each.ports
            ]
    for monitor in of_kind("production", "ServiceMonitor"):
        for service in of_kind("production", "Service"):
            if matches(monitor["spec"]["selector"], service["metadata"]["labels"]):
                ports = {port["name"] for port in service["spec"]["ports"]}
                assert {end["port"] for end in monitor["spec"]["endpoints"]} <= ports
                found += [each.name for each in selected("production", service["spec"]["selector"])]
    assert sorted(found) == sorted(OURS)
    # rules and dashboards go by the label `job`, which is each one's name
    for monitor in of_kind("production", "PodMonitor", "ServiceMonitor"):
        assert monitor["spec"]["jobLabel"] == COMPONENT
    labels = [each["metadata"]["labels"] for each in of_kind("production", "Service")]
    assert {label[COMPONENT] for label in labels if "caudal/metrics" in label} == {"ingress"}
    assert all(each.labels[COMPONENT] == each.name for each in pods("production") if each.serves)
