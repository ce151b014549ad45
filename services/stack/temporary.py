"""A data directory for one run, removed at its end; what killed runs left behind goes too."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from libs.embedded.datadir import hold
from libs.embedded.errors import DataDirInUseError
from libs.embedded.servers import remove_data

_PREFIX: Final = "caudal-run-"


@contextlib.contextmanager
def temporary_data() -> Iterator[Path]:
    """Give a fresh directory, and remove it with everything that belongs to it."""
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        remove_data(folder)


def _remove_abandoned() -> None:
    """Remove what runs left that were killed: ours, once held, and held by nobody now."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, DataDirInUseError):
            if folder.stat().st_uid != os.geteuid() or not (folder / "lock").exists():
                continue
            with hold(folder):
                pass
            remove_data(folder)
