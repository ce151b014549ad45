"""The pure hot paths take no more instructions than they may."""

from __future__ import annotations

import os

import pytest

from bench.instructions.count import REFERENCE, ValgrindMissingError, bounds, counts
from bench.instructions.workloads import workloads


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hot_paths_keep_their_bounds() -> None:
    try:
        found = {count.name: round(count.units, 3) for count in counts()}
    except ValgrindMissingError as missing:
        if os.environ.get("CI"):
            pytest.fail(f"the bound cannot be checked: {missing}")
        pytest.skip(str(missing))
    found.pop(REFERENCE)
    over = {
        name: (units, bounds()[name]) for name, units in found.items() if units > bounds()[name]
    }
    assert not over, f"more than the bound, in units of `{REFERENCE}`: {over}"
    # a bound that is far away notices nothing
    loose = {name: units for name, units in found.items() if units < 0.75 * bounds()[name]}
    assert not loose, f"these have become cheaper: lower their bounds, {loose}"


def test_every_workload_has_a_bound_and_work() -> None:
    found = workloads()
    assert {*bounds(), REFERENCE} == {*found}
    assert all(workload.times > 50 for workload in found.values())
    assert all(workload.run() for workload in found.values())
