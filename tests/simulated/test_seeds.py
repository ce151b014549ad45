"""Every seed is a pipeline under load and faults, healed, quiet, and judged.

CAUDAL_SIMULATED_SEEDS says which: a number of seeds, or `first..last`. A seed that fails is printed
with the command that repeats it; it belongs into pinned.txt for as long as this house stands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.simulated.simulation import Report, simulate

SEEDS = os.environ.get("CAUDAL_SIMULATED_SEEDS", "500")
AT_ONCE = 25
FEW = range(4)
PINNED = [
    int(line.partition("#")[0])
    for line in (Path(__file__).parent / "pinned.txt").read_text().splitlines()
    if line.partition("#")[0].strip()
]


def wanted() -> range:
    first, dots, last = SEEDS.partition("..")
    return range(int(first), int(last) + 1) if dots else range(int(first))


def told(report: Report) -> str:
    breaches = "\n".join(report.breaches)
    return (
        f"seed {report.seed} is red:\n{breaches}\n"
        f"repeat it with: .venv/bin/python -m tests.simulated {report.seed}\n"
        f"and put it into tests/simulated/pinned.txt"
    )


def judged(seeds: range) -> None:
    red = [report for seed in seeds if (report := simulate(seed)).breaches]
    assert not red, "\n\n".join(map(told, red))


def test_few_seeds_are_clean() -> None:
    judged(FEW)


@pytest.mark.parametrize("seed", PINNED)
def test_pinned_seed_stays_clean(seed: int) -> None:
    judged(range(seed, seed + 1))


@pytest.mark.slow
@pytest.mark.parametrize("first", wanted()[::AT_ONCE])
def test_seeds_are_clean(first: int) -> None:
    judged(range(first, min(first + AT_ONCE, wanted().stop)))
