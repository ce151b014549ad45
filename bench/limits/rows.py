"""Postgres' binary COPY, cut into portions without reading what is in the rows.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import unpack_from
from typing import Final

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER: Final = _SIGNATURE + bytes(8)  # no flags, no extension
_END: Final = b"\xff\xff"
_NULL: Final = -1

Portion = dict[str, bytes]
"""What to COPY into each table."""


def portions_of(tables: Mapping[str, bytes], count: int) -> list[Portion]:
    """Divide the rows of every table into `count` portions, in order; a table without rows is left out."""
    rows = {table: rows_in(data) for table, data in tables.items()}
    found: list[Portion] = []
    for number in range(count):
        cut = {
            table: own[len(own) * number // count : len(own) * (number + 1) // count]
            for table, own in rows.items()
        }
        found.append(
            {table: b"".join((_HEADER, *some, _END)) for table, some in cut.items() if some}
        )
    return found


def rows_in(data: bytes) -> list[bytes]:
    """Return the rows as they stand; `ValueError` where this is not a binary COPY."""
    if not data.startswith(_HEADER):
        raise ValueError("not a binary COPY, or one with flags")
    found: list[bytes] = []
    start = len(_HEADER)
    while (fields := unpack_from("!h", data, start)[0]) >= 0:
        end = start + 2
        for _ in range(fields):
            size = unpack_from("!i", data, end)[0]
            end += 4 + (size if size != _NULL else 0)
        found.append(data[start:end])
        start = end
    return found
