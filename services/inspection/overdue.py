"""Overdue objects as JSON values and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from rich.table import Table

from libs.contracts.event import timestamp
from libs.store.overdue import Overdue
from services.inspection.tables import plain_text, state_text, table_of

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
# What a person does about an object that no query settles.
PERSON: Final = "ask a person"


def overdue_view(each: Overdue) -> dict[str, Any]:
    """Return one line of the list.

    `task` is `poll` where the provider is asked (again, at `next_at`), else `person`.
    """
    poll = each.poll
    return {
        "source": poll.source,
        "kind": poll.kind,
        "provider_ref": poll.provider_ref,
        "provider": poll.provider,
        "merchant_ref": each.merchant_ref,
        "state": each.state,
        "flags": list(each.flags),
        "why": poll.why,
        "note": poll.note,
        "task": "person" if poll.ask_at is None else "poll",
        "due_since": _time(poll.due_at),
        "last_news_at": _time(each.updated_at),
        "asked": poll.asked,
        "failures": poll.failures,
        "last_outcome": poll.outcome,
        "last_asked_at": _time(poll.tried_at),
        "next_at": _time(poll.ask_at),
    }


def overdue_table(found: Iterable[Overdue]) -> Table:
    """Return the list as a table; a narrow terminal sees the columns that matter most."""
    return table_of(None,
        (
            {
                "source": each.poll.source,
                "kind": each.poll.kind,
                "ref": plain_text(each.poll.provider_ref),
                "state": state_text(each.poll.kind, each.state),
                "last news": _age(each.updated_at, each.now),
                "why": each.poll.why,
                "overdue for": _age(each.poll.due_at, each.now),
                "asked": str(each.poll.asked),
                "last answer": each.poll.outcome or "",
                "next": _next(each),
            }
            for each in found
        ),
        (
            "source", "kind", "ref", "state", "last news", "why", "overdue for", "asked",
            "last answer", "next",
        ),
        spared=("kind", "last news", "asked"),
    )  # fmt: skip


def _next(each: Overdue) -> str:
    if each.poll.ask_at is None:
        return PERSON
    left = int((each.poll.ask_at - each.now).total_seconds())
    return "now" if left <= 0 else f"in {span(left)}"


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None or moment > now:
        return ""
    return span(int((now - moment).total_seconds()))


def span(seconds: int) -> str:
    """Write a span in its largest unit and the one below: `2d 3h`, `5m 10s`."""
    parts: list[str] = []
    for size, unit in _UNITS:
        if seconds >= size or (unit == "s" and not parts):
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    return " ".join(parts[:2])


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
