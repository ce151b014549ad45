"""The same seed is the same run, in another process with other hashes too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulated.simulation import simulate

SEEDS = (3, 9)
_DIGESTS = (
    "import sys; from tests.simulated.simulation import simulate;"
    "print(*(simulate(int(seed)).digest for seed in sys.argv[1:]))"
)


@pytest.mark.slow
def test_same_seed_is_same_run() -> None:
    here = [simulate(seed).digest for seed in SEEDS]
    assert len(set(here)) == len(SEEDS)
    elsewhere = subprocess.run(
        [sys.executable, "-c", _DIGESTS, *map(str, SEEDS)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.split() == here
