"""Counts the instructions of the hot paths with callgrind, and compares them with their bounds.

A count depends on how the interpreter was compiled, so each is told as a multiple of what the same
interpreter takes to read one JSON body of the same corpus (`json.loads`). That holds from one
machine to the next within some hundredths; the bounds leave room for that and no more.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.instructions.__main__ import NOTHING
from bench.instructions.workloads import workloads

BOUNDS: Final = Path(__file__).with_name("bounds.json")
REFERENCE: Final = "reference"
WITHIN: Final = 240  # seconds; under valgrind everything takes some fifty times as long


class ValgrindMissingError(Exception):
    """There is no valgrind; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Count:
    """Instructions of one piece of work, and the same in units of the reference."""

    name: str
    instructions: float
    units: float


def counts() -> list[Count]:
    """Run everything under callgrind. Raises `ValgrindMissingError`."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise ValgrindMissingError("install the package `valgrind`")
    with tempfile.TemporaryDirectory(prefix="caudal-instructions-") as place:
        folder = Path(place)
        subprocess.run(  # noqa: S603 - ours
            [
                valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out.%p", "-q",
                sys.executable, "-P", "-m", "bench.instructions", str(folder),
            ],
            check=True,
            timeout=WITHIN,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        before = _count(folder, NOTHING)
        each = {
            name: (_count(folder, name) - before) / workload.times
            for name, workload in workloads().items()
        }
    return [Count(name, taken, taken / each[REFERENCE]) for name, taken in each.items()]


def bounds() -> Mapping[str, float]:
    """Return the most units that each piece of work may take."""
    told: dict[str, float] = json.loads(BOUNDS.read_text(encoding="utf-8"))
    return told


def _count(folder: Path, name: str) -> int:
    pid = (folder / f"{name}.pid").read_text()
    for line in (folder / f"out.{pid}").read_text(errors="replace").splitlines():
        if line.startswith("summary:"):
            return int(line.split()[1])
    raise ValueError(f"callgrind told nothing of {name}")


def main() -> None:
    """Print every count beside its bound."""
    known = bounds() if BOUNDS.exists() else {}
    for count in counts():
        bound = known.get(count.name)
        sys.stdout.write(
            f"{count.name:14} {count.instructions:12,.0f} instructions {count.units:7.2f} units"
            f"  bound {'' if bound is None else bound}\n"
        )


if __name__ == "__main__":
    main()
