"""What people did, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from libs.contracts.event import timestamp
from libs.store.acts import Act
from services.inspection.tables import plain_text, table_of


def act_table(found: Iterable[Act], title: str | None = None) -> Table:
    """Return what people did as a table; a narrow terminal does not see how they came."""
    return table_of(
        title,
        (
            {
                "at": timestamp(each.at),
                "who": plain_text(each.who),
                "via": plain_text(each.via),
                "action": plain_text(each.action),
                "on": plain_text(_pairs(each.subject)),
                "why": plain_text(each.why),
                "outcome": plain_text(
                    "not known" if each.outcome is None else _pairs(each.outcome)
                ),
            }
            for each in found
        ),
        ("at", "who", "via", "action", "on", "why", "outcome"),
        spared=("via",),
    )


def _pairs(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_told(value)}" for name, value in told.items())


def _told(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
