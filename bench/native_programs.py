"""The bench's C programs: where they lie after `deploy/dev/ensure-bench` has compiled them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BUILD: Final = Path(__file__).parents[1] / "build" / "bench"


class NativeMissingError(Exception):
    """A C program is not compiled; the message says what to do."""


def native(name: str) -> Path:
    """Return the path of the program made of `bench/native/<name>.c`."""
    program = BUILD / name
    if not program.is_file():
        raise NativeMissingError(
            f"The C program `{name}` is not compiled. Run deploy/dev/ensure-bench, which installs "
            "gcc and librabbitmq-dev where it may."
        )
    return program
