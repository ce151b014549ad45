"""The document of the metrics is what is declared, and what is declared is what the code has."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from prometheus_client import Histogram

from libs.api.breaker import BreakerState
from libs.bus.publisher import Outcome as Published
from libs.contracts.notice import AuthFailure
from libs.contracts.readings import ParkReason
from libs.domain.verdict import Outcome as Verdict
from libs.runtime import metric_kinds
from libs.runtime.metric_kinds import DESCRIBED, REGISTRY
from libs.runtime.metrics_document import described, document
from libs.runtime.metrics_port import exposition
from services.cli.main import caudal
from services.ingress.ladder import Kept, Level
from services.ingress.limited import Reason
from services.ingress.rejections import Refusal
from services.reconciler.polling.agreement import Agreement
from services.reconciler.polling.question import Outcome as Asked

DOCUMENT: Final = Path(__file__).parents[3] / "deploy" / "metrics.md"
OF_ENUMS: Final = [
    ("caudal_ingress_accept_level", "level", Level),
    ("caudal_source_auth_failures_total", "kind", AuthFailure),
    ("caudal_ingress_limited_total", "reason", Reason),
    ("caudal_published_total", "outcome", Published),
    ("caudal_fold_verdicts_total", "outcome", Verdict),
    ("caudal_parked_readings_total", "reason", ParkReason),
    ("caudal_parked", "reason", ParkReason),
    ("caudal_polls_total", "outcome", Asked),
    ("caudal_poll_agreement_total", "agreement", Agreement),
    ("caudal_poll_breaker", "state", BreakerState),
]


def test_document_is_what_is_declared() -> None:
    """`caudal metrics > deploy/metrics.md` writes it."""
    assert DOCUMENT.read_text() == document(described())


def test_command_prints_it() -> None:
    ran = CliRunner().invoke(caudal, ["metrics"])
    assert ran.exit_code == 0
    assert ran.output == DOCUMENT.read_text()
    told = json.loads(CliRunner().invoke(caudal, ["metrics", "--json"]).output)
    assert {each["name"] for each in told} == {each.name for each in described()}


def test_everything_that_is_told_is_declared() -> None:
    told = {
        tuple(line.split()[2:4])
        for line in exposition().decode().splitlines()
        if line.startswith("# TYPE ")
    }
    assert told == {(each.name, each.kind) for each in described()}


def test_document_has_each_once() -> None:
    assert len(described()) == len(DESCRIBED)
    text = document(described())
    for each in described():
        assert text.count(f"**`{each.name}`**") == 1


def test_units_are_those_of_the_name() -> None:
    for each in described():
        if each.name.endswith(("_seconds", "_seconds_total")):
            assert each.unit == "seconds", each.name
        if each.name.endswith("_bytes"):
            assert each.unit == "bytes", each.name
        assert each.name.endswith("_total") == (each.kind == "counter"), each.name
        assert each.meaning.endswith("."), each.name


@pytest.mark.parametrize(("name", "label", "enum"), OF_ENUMS)
def test_listed_values_are_those_of_the_code(name: str, label: str, enum: type[Enum]) -> None:
    assert dict(DESCRIBED[name].labels)[label] == tuple(each.value for each in enum)


def test_outcomes_and_statuses_are_those_of_the_code() -> None:
    answers = dict(DESCRIBED["caudal_ingress_answers_total"].labels)["outcome"]
    assert answers == (*(each.value for each in Kept), "refused")
    statuses = dict(DESCRIBED["caudal_ingress_rejections_total"].labels)["status"]
    assert set(statuses) == {str(each.status) for each in Refusal}


def test_buckets_go_up() -> None:
    found = 0
    for collector in REGISTRY._collector_to_names:
        if isinstance(collector, Histogram):
            found += 1
            assert sorted(set(collector._upper_bounds)) == list(collector._upper_bounds)
    assert found > 8


def test_counters_begin_at_zero_where_what_they_count_is_known() -> None:
    """Else the first one would show no increase."""
    metric_kinds.count_from_zero(metric_kinds.INGRESS)
    for reason in ("full", "disk", "stalled"):
        value = REGISTRY.get_sample_value("caudal_spool_failures_total", {"reason": reason})
        assert value is not None
