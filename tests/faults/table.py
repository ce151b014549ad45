"""Renders the rows of runs as the table in deploy/faults.md.

    python -m tests.faults.table build/faults.jsonl [more.jsonl …] > deploy/faults.md

Rows of several seeds are put together: counts are added, times are the worst.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.matrix import CASES
from tests.faults.report import Row, rows_of

_ORDER = {name: place for place, name in enumerate(CASES)}

HEAD = """\
# What was done to Caudal, and what came of it

Made by `make faults` from runs of real processes (ingress, normalizers, reconcilers), a real
RabbitMQ and a real Postgres under load from `caudal simulate`, or from `caudal sandbox` where providers are
asked; do not edit. Each row is a fault that
was brought about, held and healed while webhooks came in; then the oracle compared every answer with
archive, objects, parked deliveries and events.

- **lost**: answered 2xx and not in the archive, or not in the state that the generator knows.
- **twice**: duplicates of effect: an observation counted twice, two events for one change.
- **503**: refused with `Retry-After`; the sender came again. **?**: requests without an answer.
- **accept**: the longest wait for a 2xx. **up**: from healing until the ingress says `confirmed`.
  **quiet**: from healing until every queue, outbox and spool is empty (the load goes on until shortly
  before).
- **bound**: with no loss among n accepted webhooks, the share lost is below 3/n (95 %).
"""


def render(rows: Sequence[Row]) -> str:
    lines = [HEAD]
    lines.append(
        "| case | on | fault | seeds | accepted | archived | folded | emitted | twice | lost | 503"
        " | ? | accept | up | quiet | bound |"
    )
    lines.append("|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    by_case: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: _ORDER.get(row.case, len(_ORDER))):
        by_case.setdefault(row.case, []).append(row)
    lines += [_line(case, of_case) for case, of_case in by_case.items()]
    lines.append(_total(rows))
    return "\n".join(lines) + "\n\n" + _foot(rows)


def _line(case: str, rows: Sequence[Row]) -> str:
    first = rows[0]
    accepted = sum(row.accepted for row in rows)
    lost = sum(row.lost for row in rows)
    cells = [
        f"{case} ({first.matrix})",
        first.on,
        first.fault,
        len(rows),
        accepted,
        sum(row.archived for row in rows),
        sum(row.folded for row in rows),
        sum(row.emitted for row in rows),
        sum(row.duplicates_of_effect for row in rows),
        lost,
        sum(row.refused_503 for row in rows),
        sum(row.unknown_answers for row in rows),
        f"{max(row.longest_accept_ms for row in rows) / 1000:.2f} s",
        _worst(row.recovered for row in rows),
        _worst(row.quiet for row in rows),
        _bound(accepted, lost),
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _total(rows: Sequence[Row]) -> str:
    accepted, lost = sum(r.accepted for r in rows), sum(r.lost for r in rows)
    cells = [
        "**all**", "", "", len(rows), accepted, sum(r.archived for r in rows),
        sum(r.folded for r in rows), sum(r.emitted for r in rows),
        sum(r.duplicates_of_effect for r in rows), lost, sum(r.refused_503 for r in rows),
        sum(r.unknown_answers for r in rows), "", "", "", _bound(accepted, lost),
    ]  # fmt: skip
    return "| " + " | ".join(f"{cell}" for cell in cells) + " |"


def _foot(rows: Sequence[Row]) -> str:
    rss = max((row.peak_rss_mb for row in rows), default=0)
    files = max((row.peak_files for row in rows), default=0)
    wrong = [f"- {row.case}, seed {row.seed}: {'; '.join(row.problems)}" for row in rows]
    wrong = [line for line, row in zip(wrong, rows, strict=True) if row.problems]
    said = f"The largest process had {rss} MB of memory and {files} open files.\n"
    return said + ("\nNot clean:\n\n" + "\n".join(wrong) + "\n" if wrong else "")


def _worst(times: Iterable[float | None]) -> str:
    found = list(times)
    known = [time for time in found if time is not None]
    return f"{max(known):.1f} s" if known and len(known) == len(found) else "-"


def _bound(accepted: int, lost: int) -> str:
    return f"{3 / accepted:.1e}" if accepted and not lost else "-"


if __name__ == "__main__":
    sys.stdout.write(render([row for name in sys.argv[1:] for row in rows_of(Path(name))]))
