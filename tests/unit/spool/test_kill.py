"""SIGKILL at any moment: everything that was promised is there afterwards, whole and in order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import chain, islice
from pathlib import Path

import pytest

from tests.unit.spool.appending import batches
from tests.unit.spool.reading import drained

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


def run(root: Path, seed: int, *, failpoint: str = "", kill_after: int | None = None) -> list[str]:
    """Run the process to its violent end and return the lines that it said."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.spool.appending", root, str(seed)],
        cwd=ROOT,
        env={**os.environ, "CAUDAL_FAILPOINTS": failpoint},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    said: list[bytes] = []
    with child:
        for line in child.stdout:
            said.append(line)
            if len(said) == kill_after:
                child.kill()
    assert child.returncode == -9
    return [line.decode().strip() for line in said]


def verify(root: Path, seed: int, said: list[str]) -> None:
    """All that was promised and not drained is there; at most the batch under way beside it."""
    promised = sum(int(line) for line in said if line.isdigit())
    drains = said.count("drained")
    messages = list(chain.from_iterable(islice(batches(seed), len(said) + 1)))
    found = drained(root)
    first = messages.index(found[0]) if found else drains
    assert drains - 1 <= first <= drains  # the last one may have been killed before its removal
    last = first + len(found)
    assert found == messages[first:last]
    assert promised <= last <= promised + 3
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("seed", range(5))
def test_random_moments(tmp_path: Path, seed: int) -> None:
    said = run(tmp_path, seed, kill_after=random.Random(seed).randint(1, 60))
    verify(tmp_path, seed, said)


@pytest.mark.parametrize("point", ["spool.written", "spool.synced"])
@pytest.mark.parametrize("nth", [1, 2, 17])
def test_named_points(tmp_path: Path, point: str, nth: int) -> None:
    said = run(tmp_path, nth, failpoint=f"{point}:kill:{nth}")
    assert len([line for line in said if line.isdigit()]) == nth - 1
    verify(tmp_path, nth, said)
