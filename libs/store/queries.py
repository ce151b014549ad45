"""Named SQL: every statement stands in `sql/*.sql` under a `-- name` header and is read once.

One that takes rows, as `unnest($1::uuid[], …)`, is asked for them as text, `$1::text::uuid[]`: see
`array_literal` for why. Columns of bytes and of JSON stay arrays of the driver's, since their text
would have to be quoted twice.
"""

from __future__ import annotations

import re
from pathlib import Path

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_TAKES_ROWS = re.compile(r"\bunnest\(\s*\$1::")
_COLUMN = re.compile(r"\$(\d+)::(?!bytea|jsonb)(\w+)\[\]")


def _load() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / "sql").glob("*.sql")):
        parts = _HEADER.split(path.read_text())
        for name, statement in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"the query {name} stands twice")
            found[name] = statement.strip()
    return found


_WRITTEN = _load()
_COLUMNS = {
    name: {int(number) - 1: of for number, of in _COLUMN.findall(statement)}
    for name, statement in _WRITTEN.items()
    if _TAKES_ROWS.search(statement)
}
_QUERIES = {
    name: _COLUMN.sub(r"$\1::text::\2[]", statement) if name in _COLUMNS else statement
    for name, statement in _WRITTEN.items()
}


def query(name: str) -> str:
    """Return the statement called `name`; `KeyError` where there is none."""
    return _QUERIES[name]


def columns_as_text(name: str) -> dict[int, str]:
    """Return which parameters are asked for as text, and of which type they are in the end."""
    return _COLUMNS.get(name, {})


_NAMES = {statement: name for name, statement in _QUERIES.items()}


def names() -> frozenset[str]:
    """Return the names of all statements."""
    return frozenset(_QUERIES)


def named(statement: str) -> str | None:
    """Return the name of a statement, or None where it is none of ours."""
    return _NAMES.get(statement)
