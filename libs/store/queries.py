"""Named SQL: every statement stands in `sql/*.sql` under a `-- name` header and is read once."""

from __future__ import annotations

import re
from pathlib import Path

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _load() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / "sql").glob("*.sql")):
        parts = _HEADER.split(path.read_text())
        for name, statement in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"the query {name} stands twice")
            found[name] = statement.strip()
    return found


_QUERIES = _load()


def query(name: str) -> str:
    """Return the statement called `name`; `KeyError` where there is none."""
    return _QUERIES[name]


_NAMES = {statement: name for name, statement in _QUERIES.items()}


def names() -> frozenset[str]:
    """Return the names of all statements."""
    return frozenset(_QUERIES)


def named(statement: str) -> str | None:
    """Return the name of a statement, or None where it is none of ours."""
    return _NAMES.get(statement)
