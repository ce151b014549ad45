"""libfaketime around a process: its wall clock is off by what a file says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

PLACES: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
)
CLOCK: Final = "clock"  # the file that says how far it is off


def faked(home: Path) -> dict[str, str]:
    """Return the variables of a process whose clock `home`'s file moves."""
    library = next((place for place in PLACES if Path(place).exists()), None)
    if library is None:
        why = "libfaketime is missing: deploy/dev/ensure-faketime installs it"
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    (home / CLOCK).write_text("+0\n")
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(home / CLOCK),
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
