"""Small file systems in memory, to be filled up and made read-only.

Mounting needs root; where that is missing the cases fail in CI and are skipped elsewhere.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

FILLER: Final = "filler"
BLOCK: Final = bytes(64 * 1024)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system of that size in memory for the length of the block."""
    place.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        why = f"cannot mount a small disk: {made.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Take every byte that is left."""
    with suppress(OSError), (place / FILLER).open("ab", buffering=0) as filler:
        while True:
            filler.write(BLOCK)
    with suppress(OSError), (place / FILLER).open("ab", buffering=0) as filler:
        while True:
            filler.write(b"\0" * 512)


def free(place: Path) -> None:
    (place / FILLER).unlink(missing_ok=True)


def remount(place: Path, how: str) -> bool:
    """Remount `ro` or `rw`; False while somebody writes there."""
    words = ["mount", "-o", f"remount,{how}", str(place)]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0
