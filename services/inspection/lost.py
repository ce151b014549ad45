"""What was not let in, as an operator sees it: nothing that a stranger could have written but names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from libs.contracts.event import timestamp
from libs.contracts.notice import Lost
from services.inspection.tables import plain_text, table_of


def lost_table(found: Iterable[Lost]) -> Table:
    """Return the lost-and-found as a table."""
    return table_of(
        None,
        (
            {
                "at": timestamp(one.at),
                "source": plain_text(one.source or "(none of that name)"),
                "rule": one.rule,
                "failure": one.failure.value,
                "why": plain_text(one.why),
                "size": str(one.size),
                "sha256": (one.sha256 or "")[:16],
                "headers": plain_text(" ".join(one.headers)),
            }
            for one in found
        ),
        ("at", "source", "rule", "failure", "why", "size", "sha256", "headers"),
        spared=("failure", "sha256"),
    )


def lost_view(one: Lost) -> dict[str, Any]:
    """Return one for a program."""
    return {
        "at": timestamp(one.at),
        "source": one.source or None,
        "rule": one.rule or None,
        "failure": one.failure.value,
        "why": one.why,
        "size": one.size,
        "sha256": one.sha256,
        "headers": list(one.headers),
    }
