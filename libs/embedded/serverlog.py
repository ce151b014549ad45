"""What a server said: its output goes to a file, and its complaints decide what we do next."""

import os
from pathlib import Path

SHOWN_BYTES = 20_000


def size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def since(log: Path, offset: int) -> str:
    """Return what was written after the first `offset` bytes."""
    with log.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")


def tail(log: Path, lines: int = 15) -> str:
    """Return the end of the log, for the message that says that its server failed."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - SHOWN_BYTES))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
