"""What is compared with the stored run, and what is stored of several."""

from __future__ import annotations

from typing import Any

import pytest

from bench.report.compare import OtherwiseError, changes, middle, processor, stored_for


def _figure(key: str, median: float, target: str = "≤ 2", **beside: object) -> dict[str, Any]:
    return {"key": key, "title": key, "median": median, "target": target, "beside": beside}


def _result(*figures: dict[str, Any], machine: str = "first") -> dict[str, Any]:
    return {"quick": True, "machine": {"cpu": machine}, "figures": list(figures)}


def test_worse_is_less_where_more_is_asked_for() -> None:
    stored = [_figure("ingress_rate", 0.5, "≥ 0.6"), _figure("ingress_cpu", 2.0)]
    now = [_figure("ingress_rate", 0.4, "≥ 0.6"), _figure("ingress_cpu", 2.6)]
    rate, cpu = changes(now, stored)
    assert (round(rate.worse_by, 2), rate.regression) == (0.25, True)
    assert (round(cpu.worse_by, 2), cpu.regression) == (0.3, True)


def test_better_and_within_the_tolerance_is_no_regression() -> None:
    stored = [_figure("ingress_rate", 0.5, "≥ 0.6"), _figure("ingress_cpu", 2.0)]
    now = [_figure("ingress_rate", 0.7, "≥ 0.6"), _figure("ingress_cpu", 2.3)]
    assert [change.regression for change in changes(now, stored)] == [False, False]


def test_what_was_measured_over_fewer_connections_is_not_compared() -> None:
    stored = [_figure("ingress_rate", 0.42, "≥ 0.6", connections=64)]
    now = [_figure("ingress_rate", 0.55, "≥ 0.6", connections=128)]
    with pytest.raises(OtherwiseError, match="connections was 64, and is 128"):
        changes(now, stored)


def test_each_figure_is_that_of_the_run_in_the_middle() -> None:
    results = [
        _result(_figure("ingress_cpu", cpu), _figure("drain", drain), machine=machine)
        for cpu, drain, machine in ((2.0, 1.5, "first"), (1.0, 1.3, "second"), (3.0, 1.4, "third"))
    ]
    stored = middle(results)
    assert [figure["median"] for figure in stored["figures"]] == [2.0, 1.4]
    assert processor(stored) == "first"


def test_of_two_runs_the_lower_figure_is_kept() -> None:
    stored = middle([_result(_figure("drain", 1.5)), _result(_figure("drain", 1.3))])
    assert [figure["median"] for figure in stored["figures"]] == [1.3]


def test_a_run_is_compared_with_one_of_the_same_processor() -> None:
    stored = {name: _result(machine=name) for name in ("first", "second")}
    assert stored_for(_result(machine="second"), stored)[0] == "second"


def test_of_an_unknown_processor_another_stands_in_and_its_name_is_told() -> None:
    stored = {name: _result(machine=name) for name in ("first", "second")}
    assert stored_for(_result(machine="third"), stored)[0] == "first"


def test_another_generation_is_compared_with_one_that_is_called_alike() -> None:
    stored = {"first": _result(machine="first"), "second (26.2)": _result(machine="second (26.2)")}
    assert stored_for(_result(machine="second (25.1)"), stored)[0] == "second (26.2)"
    assert stored_for(_result(machine="second"), stored)[0] == "second (26.2)"
