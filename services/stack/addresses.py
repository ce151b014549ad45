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


def remember(addresses: Addresses) -> None:
    """Keep the addresses in the data directory, readable by its owner alone."""
    write_private(Path(addresses.data_dir) / _FILE, addresses.as_line() + "\n")


def forget(data_dir: Path) -> None:
    """Say that the stack no longer runs."""
    (data_dir / _FILE).unlink(missing_ok=True)


def recall(data_dir: Path) -> Addresses | None:
    """Return the addresses of the stack that runs on a data directory, if one does."""
    try:
        return Addresses(**json.loads((data_dir / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
