"""What the tests of the bench share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ENSURE = Path(__file__).parents[2] / "deploy" / "dev" / "ensure-bench"


@pytest.fixture(scope="session")
def natives() -> None:
    """Have the C programs compiled; where that cannot be, what needs them is skipped."""
    done = subprocess.run([ENSURE], capture_output=True, text=True, check=False, timeout=200)
    if done.returncode != 0:
        pytest.skip(done.stderr)
