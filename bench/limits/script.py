r"""Captured batches as a script for pgbench, and a table with their arguments.

pgbench has no arrays. So the arguments of each batch lie in a table as text; each transaction of
the script begins by taking the next row of its client into variables (`\gset`), and the statements
have variables where their arguments were, which `-M prepared` sends as arguments again. What the
taking costs is told by pgbench as the time of the first statement, and taken off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bench.limits.captured import Batch, Call, Captured

TABLE: Final = "limits_batches"
_TAKING: Final = f"""\\set number :number + 1
select * from {TABLE} where client = :client_id and number = :number \\gset"""  # noqa: S608 - our own names
_PLACEHOLDER: Final = re.compile(r"\$(\d+)")
_REMARK: Final = re.compile(r"^\s*--.*\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """`text` for pgbench; `columns` and `rows` of the table that it reads from.

    The columns are the client, the number of its batch from 1, then for each statement that not
    every batch has whether this one does (`s3`), and every argument (`s3_1`).
    """

    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that hold arguments."""
        return tuple(name for name in self.columns if "_" in name)


def script_of(captured: Captured) -> Script:
    """Write all batches as one script."""
    batches = [batch for client in captured.clients for batch in client]
    statements = in_one_order([[call.statement for call in batch] for batch in batches])
    widths = _widths(statements, batches)
    always = _always(statements, batches)
    lines = [_TAKING]
    columns = ["client", "number"]
    for place, statement in enumerate(statements):
        command = _PLACEHOLDER.sub(rf":s{place}_\1", _REMARK.sub("", statement)).strip(" ;\n") + ";"
        if place in always:
            lines.append(command)
        else:
            columns.append(f"s{place}")
            lines += [f"\\if :s{place}", command, "\\endif"]
        columns += [f"s{place}_{n}" for n in range(1, widths[place] + 1)]
    rows = tuple(
        (client, number, *_row(statements, widths, always, batch))
        for client, said in enumerate(captured.clients)
        for number, batch in enumerate(said, 1)
    )
    return Script("\n".join(lines) + "\n", tuple(columns), rows)


def in_one_order(sequences: Iterable[Sequence[str]]) -> list[str]:
    """Return a list that holds every one of the sequences in its own order."""
    found: list[str] = []
    for sequence in sorted({tuple(each) for each in sequences}, key=len, reverse=True):
        place = 0
        for each in sequence:
            try:
                place = found.index(each, place)
            except ValueError:
                found.insert(place, each)
            place += 1
    return found


def literal(argument: object) -> str:
    """Write an argument as Postgres reads it; `ValueError` for None outside of an array."""
    if argument is None:
        raise ValueError("a variable of pgbench cannot be null")
    if isinstance(argument, list | tuple):
        return "{" + ",".join(map(_element, argument)) + "}"
    if isinstance(argument, bytes):
        return f"\\x{argument.hex()}"
    if isinstance(argument, datetime):
        return argument.isoformat()
    return str(argument)


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = literal(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _places(statements: Sequence[str], batch: Batch) -> dict[int, Call]:
    """Say where each call of a batch stands among all statements."""
    found: dict[int, Call] = {}
    place = 0
    for call in batch:
        place = statements.index(call.statement, place)
        found[place] = call
        place += 1
    return found


def _widths(statements: Sequence[str], batches: Iterable[Batch]) -> list[int]:
    widths = [0] * len(statements)
    for batch in batches:
        for place, call in _places(statements, batch).items():
            widths[place] = len(call.arguments)
    return widths


def _always(statements: Sequence[str], batches: Iterable[Batch]) -> set[int]:
    always = set(range(len(statements)))
    for batch in batches:
        always &= _places(statements, batch).keys()
    return always


def _row(
    statements: Sequence[str], widths: Sequence[int], always: set[int], batch: Batch
) -> list[str | int]:
    row: list[str | int] = []
    calls = _places(statements, batch)
    for place, width in enumerate(widths):
        call = calls.get(place)
        if place not in always:
            row.append(0 if call is None else 1)
        row += [""] * width if call is None else [literal(each) for each in call.arguments]
    return row
