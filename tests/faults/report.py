"""One row per case and seed: what was counted, and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass(slots=True, kw_only=True)
class Row:
    """Times in seconds but for what ends in `_ms`; None where it was never reached."""

    case: str
    seed: int
    matrix: str
    on: str
    fault: str
    accepted: int = 0
    archived: int = 0
    folded: int = 0
    emitted: int = 0
    parked: int = 0
    polled: int = 0
    """Objects that their providers were asked about."""
    duplicates_of_effect: int = 0
    lost: int = 0
    refused_503: int = 0
    unknown_answers: int = 0
    longest_accept_ms: float = 0.0
    longest_answer_ms: float = 0.0
    recovered: float | None = None
    """From healing until the ingress says `confirmed` again."""
    quiet: float | None = None
    """From healing until nothing is under way any more; the load itself ends before that."""
    peak_rss_mb: int = 0
    peak_files: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def bound(self) -> float | None:
        """With no loss in n accepted webhooks the share lost is below 3/n, with 95 % confidence."""
        return 3 / self.accepted if self.accepted and not self.lost else None

    def write_to(self, path: Path) -> None:
        """Add the row to a file of JSON lines."""
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, line: str) -> Self:
        return cls(**json.loads(line))


def rows_of(path: Path) -> list[Row]:
    return [Row.read(line) for line in path.read_text(encoding="utf-8").splitlines()]
