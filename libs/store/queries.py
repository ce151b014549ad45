"""Named SQL: every statement stands in `sql/*.sql` under a `-- name` header and is read once.

One that takes rows, as `unnest($1::uuid[], …)`, is asked for them as text, `$1::text::uuid[]`: see
`array_literal` for why. Columns of bytes and of JSON stay arrays of the driver's, since their text
would have to be quoted twice.
"""

from __future__ import annotations

import re
from functools import cache, partial
from pathlib import Path

Parts = tuple[tuple[str, bool], ...]

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
_PARAMETER = re.compile(r"\$(\d+)")
_PARTS: dict[str, Parts] = {}


@cache
def together(parts: Parts) -> str:
    """Return one statement of several writes (name, whether every row has to take effect).

    They are done in order. Its parameters are those of its parts, one after another, and then the
    number of rows of each part that is wanted whole: where it has fewer, a division fails, and
    with it the statement, before the next part is begun.
    """
    written, counts, first = [], [], 0
    wanted = sum(parameters(name) for name, _ in parts)
    for name, whole in parts:
        statement = query(name)
        shifted = _PARAMETER.sub(partial(_shifted, by=first), statement)
        first += parameters(name)
        returning = "" if "\nreturning " in statement else "\nreturning 1"
        written.append(f"{name} as (\n{shifted}{returning}\n)")
        count = f"(select count(*) from {name})"  # noqa: S608 - our own name
        if whole:
            wanted += 1
            count = f"1 / ({count} = ${wanted}::bigint)::integer"
        counts.append(count)
    text = f"with {', '.join(written)}\nselect {', '.join(counts)}"
    _PARTS[text] = parts
    return text


def _shifted(found: re.Match[str], by: int) -> str:
    return f"${int(found[1]) + by}"


def parts_of(statement: str) -> Parts | None:
    """Return what a statement of `together` is made of, or None where it is none."""
    return _PARTS.get(statement)


def parameters(name: str) -> int:
    """Return how many parameters a statement has."""
    return max((int(number) for number in _PARAMETER.findall(query(name))), default=0)


def names() -> frozenset[str]:
    """Return the names of all statements."""
    return frozenset(_QUERIES)


def named(statement: str) -> str | None:
    """Return the name of a statement, or None where it is none of ours."""
    return _NAMES.get(statement)
