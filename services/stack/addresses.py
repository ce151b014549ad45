"""Where a stack answers, as `caudal up --json` prints it and as it is kept in the data directory.

Other commands find a running stack of the working directory by that file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from libs.embedded.datadir import write_private

DATA_DIR: Final = Path(".caudal")
_FILE: Final = "stack.json"
_SOURCES: Final = "sources"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Both server addresses carry a password: keep them out of logs."""

    ingress_url: str
    amqp_url: str = field(repr=False)
    postgres_dsn: str = field(repr=False)
    data_dir: str

    def as_line(self) -> str:
        """Return the one line of JSON."""
        return json.dumps(asdict(self))


def remember(addresses: Addresses, sources: Path) -> None:
    """Keep the addresses in the data directory, and which sources file they go by.

    Readable by its owner alone.
    """
    kept = asdict(addresses) | {_SOURCES: str(sources)}
    write_private(Path(addresses.data_dir) / _FILE, json.dumps(kept) + "\n")


def forget(data_dir: Path) -> None:
    """Say that the stack no longer runs."""
    (data_dir / _FILE).unlink(missing_ok=True)


def recall(data_dir: Path) -> Addresses | None:
    """Return the addresses of the stack that runs on a data directory, if one does."""
    kept = {name: value for name, value in _kept(data_dir).items() if name != _SOURCES}
    try:
        return Addresses(**kept)
    except TypeError:
        return None


def recall_sources(data_dir: Path) -> Path | None:
    """Return the sources file of the stack that runs on a data directory, if one does."""
    path = _kept(data_dir).get(_SOURCES)
    return None if path is None else Path(path)


def _kept(data_dir: Path) -> dict[str, str]:
    try:
        kept = json.loads((data_dir / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
