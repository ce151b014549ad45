"""How many workers there are: what is asked of Prometheus, what follows, and that nobody sets it back."""

from __future__ import annotations

import re
from math import ceil
from typing import Final

import pytest

from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, QUEUES, RECONCILER_QUEUE
from tests.kubernetes.rendered import Json, of_kind, pods
from tests.kubernetes.test_pods import quantity

METRIC: Final = "caudal_queue_predicted_drain_seconds"
WORKS_ON: Final = {
    "normalizer": {NORMALIZER_QUEUE},
    "reconciler": {ARCHIVE_QUEUE, RECONCILER_QUEUE},
}
_QUEUES: Final = re.compile(r'queue(=~?)"([^"]+)"')


def scaled() -> dict[str, Json]:
    found = of_kind("production", "ScaledObject")
    return {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in found}


def trigger(name: str, kind: str) -> Json:
    found: Json
    (found,) = (each for each in scaled()[name]["triggers"] if each["type"] == kind)
    return found


def test_both_workers_are_scaled_and_the_ingress_is_not() -> None:
    assert scaled().keys() == WORKS_ON.keys()


@pytest.mark.parametrize("name", WORKS_ON)
def test_roll_out_does_not_set_the_number_back(name: str) -> None:
    (target,) = (
        each for each in of_kind("production", "Deployment") if each["metadata"]["name"] == name
    )
    assert "replicas" not in target["spec"]


@pytest.mark.parametrize(("name", "queues"), WORKS_ON.items())
def test_query_is_about_the_queues_that_the_worker_takes_from(name: str, queues: set[str]) -> None:
    query = trigger(name, "prometheus")["metadata"]["query"]
    assert query.count(METRIC) == 2
    assert query.count('namespace="caudal"') == 2
    for sign, told in _QUEUES.findall(query):
        named = {
            queue.name
            for queue in QUEUES
            if (re.fullmatch(told, queue.name) if sign == "=~" else queue.name == told)
        }
        assert named == queues


@pytest.mark.parametrize("name", WORKS_ON)
def test_bounds_are_sane(name: str) -> None:
    told = scaled()[name]
    fewest, most = told["minReplicaCount"], told["maxReplicaCount"]
    # a node may go; and never to zero, since whoever is not there tells no drain time
    assert 2 <= fewest < told["fallback"]["replicas"] <= most
    assert told["fallback"]["behavior"] == "currentReplicasIfHigher"
    behavior = told["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0


@pytest.mark.parametrize("name", WORKS_ON)
@pytest.mark.parametrize(
    ("drain_seconds", "pods_now", "wanted"),
    [(0, 3, 0), (15, 2, 1), (30, 2, 2), (60, 2, 4), (45, 4, 6)],
)
def test_drain_time_asks_for_as_many_as_bring_it_to_the_threshold(
    name: str, drain_seconds: float, pods_now: int, wanted: int
) -> None:
    """As HPA works out an average value: the metric by the threshold, rounded up."""
    told = trigger(name, "prometheus")
    assert told["metricType"] == "AverageValue"
    assert told["metadata"]["query"].startswith("max(min by (queue) (clamp_max(")
    metric = min(drain_seconds, 3600) * pods_now
    assert ceil(metric / float(told["metadata"]["threshold"])) == wanted


@pytest.mark.parametrize("name", WORKS_ON)
def test_busy_is_seven_tenths_of_the_one_core_of_a_process(name: str) -> None:
    """Utilization is of what is requested, and a process can use one core."""
    (container,) = next(each for each in pods("production") if each.name == name).containers
    asked = quantity(container["resources"]["requests"]["cpu"])
    told = trigger(name, "cpu")
    assert told["metricType"] == "Utilization"
    assert asked * float(told["metadata"]["value"]) / 100 == pytest.approx(0.7)
    assert quantity(container["resources"]["limits"]["cpu"]) == 1
