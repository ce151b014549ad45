"""Large blocks go back to the system when they are let go."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Final

import pytest

# Two large blocks teach the library to keep such blocks in its heap; then a small one that stays lies
# behind many of them.
_STALL: Final = """
import sys
from pathlib import Path
from libs.runtime.allocation import LARGE, give_back_what_is_large

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "held":
    assert give_back_what_is_large()
for _ in range(2):
    block = b"x" * (8 * LARGE)
    del block
before, stay = resident(), []
blocks = []
for _ in range(32):
    blocks.append(b"x" * (7 * LARGE))
    stay.append(b"x" * 2000)
blocks.clear()
print(resident() - before)
"""


def left(how: str) -> int:
    """Return how many bytes a process holds after a stall more than before it."""
    ran = subprocess.run(
        [sys.executable, "-c", _STALL, how], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about the GNU C library")
def test_room_of_a_stall_is_given_back() -> None:
    kept, given_back = left("as it is"), left("held")
    assert given_back < 2_000_000
    assert kept > 10 * given_back
