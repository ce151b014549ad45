"""How rows look on a terminal: aligned and coloured there, plain when piped."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from libs.contracts.event import timestamp
from libs.domain.lifecycle import Band, Kind, State, band_of
from libs.domain.verdict import Outcome
from libs.runtime.harmless import harmless
from libs.store.inspect import ParkedReading
from libs.store.objects import StoredObject
from libs.store.parked import ParkedGroup
from services.inspection.explanation import Explanation

_PIPED_WIDTH: Final = 190
_WIDE: Final = 130  # columns from which a terminal has room for every column
_EVENT_BESIDE_REF: Final = 78  # columns of an event's line beside the reference
_BAND_COLOURS: Final = {
    Band.OPEN: "yellow",
    Band.HELD: "cyan",
    Band.NEGATIVE: "red",
    Band.POSITIVE: "green",
    Band.MONEY_BACK: "magenta",
}
_OUTCOME_COLOURS: Final = {
    Outcome.APPLIED: "green",
    Outcome.DUPLICATE: "dim",
    Outcome.STALE: "yellow",
    Outcome.CONFLICT: "red",
    Outcome.SUPERSEDED: "dim",
}


def show(table: Table) -> None:
    """Print a table."""
    console().print(table)


def console() -> Console:
    """Return a console on stdout: as wide as the terminal, or wide enough when piped."""
    return Console(width=_width(), highlight=False, soft_wrap=False)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH


def object_table(rows: Iterable[StoredObject], title: str | None = None) -> Table:
    """Return objects as a table; a narrow terminal sees the columns that matter most."""
    return table_of(
        title,
        (
            {
                "source": row.source,
                "kind": row.kind,
                "ref": _text(row.provider_ref),
                "merchant": _text(row.merchant_ref),
                "state": state_text(row.kind, row.state),
                "amount": _money(row.amount, row.currency),
                "refunded": _money(row.refunded_amount or None, row.currency),
                "flags": _flags(row),
                "events": str(row.sequence),
            }
            for row in rows
        ),
        ("source", "kind", "ref", "merchant", "state", "amount", "refunded", "flags", "events"),
        spared=("kind", "merchant", "events"),
    )


def parked_table(found: Iterable[ParkedReading], title: str | None = None) -> Table:
    """Return parked readings as a table; a narrow terminal does not see the detail."""
    return table_of(
        title,
        (
            {
                "delivery": each.delivery_id,
                "source": each.source,
                "reason": each.reason,
                "field": _text(each.field),
                "value": _text(each.value),
                "detail": _text(_note(each)),
            }
            for each in found
        ),
        ("delivery", "source", "reason", "field", "value", "detail"),
        spared=("detail",),
    )


def change_table(found: Iterable[Mapping[str, Any]], title: str | None = None) -> Table:
    """Return corrections (see `change_view`) as a table, a row for each field that changes."""
    return table_of(
        title,
        (
            {
                "source": each["source"],
                "kind": each["kind"],
                "ref": _text(each["provider_ref"]),
                "field": name,
                "before": _text(_told(each["before"][name])),
                "after": _text(_told(each["after"][name])),
            }
            for each in found
            for name in each["changed"]
        ),
        ("source", "kind", "ref", "field", "before", "after"),
    )


def _flags(row: StoredObject) -> str:
    """Return the flags, and whether no event tells yet what the row says."""
    return " ".join([*row.flags, "(held)"] if row.held else row.flags)


def _told(value: object) -> str:
    if value is None:
        return "·"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _note(parked: ParkedReading) -> str:
    if parked.discarded_at is not None:
        return f"discarded {timestamp(parked.discarded_at)}: {parked.discard_reason}"
    return parked.detail.splitlines()[-1] if parked.detail else ""


def group_table(found: Iterable[ParkedGroup], title: str | None = None) -> Table:
    """Return groups of parked readings as a table; a narrow terminal does not see the sample."""
    return table_of(
        title,
        (
            {
                "count": str(each.count),
                "provider": each.provider,
                "reason": each.reason,
                "field": _text(each.field),
                "value": _text(each.value),
                "first seen": timestamp(each.first_seen),
                "last seen": timestamp(each.last_seen),
                "sample": each.sample,
            }
            for each in found
        ),
        ("count", "provider", "reason", "field", "value", "first seen", "last seen", "sample"),
        spared=("first seen", "sample"),
    )


def plain_text(value: str | None) -> Text:
    """Return what a stranger wrote, harmlessly."""
    return _text(value)


def state_text(kind: str, state: str | None) -> Text:
    """Return a state in the colour of its band."""
    if state is None:
        return Text("not told", style="dim")
    return Text(state, style=_BAND_COLOURS[band_of(Kind(kind), State(state))])


def event_line(body: bytes, width: int | None = None) -> str:
    """Return one event as one line, of about `width` columns (the terminal's by default)."""
    event: dict[str, Any] = json.loads(body)
    data = event["data"]
    before = data["previous_state"] or "·"
    amount = f"{data['amount']} {data['currency']}" if data["amount"] else ""
    colour = _BAND_COLOURS[band_of(Kind(data["kind"]), State(data["state"]))]
    arrow = f"{before:>12} → " + click.style(f"{data['state']:<12}", fg=colour)
    ref = _cut(harmless(data["provider_ref"]), (width or _width()) - _EVENT_BESIDE_REF)
    return (
        f"{data['source']:<10} {data['kind']:<7} {ref} #{event['sequence']:<3}"
        f"{arrow} {amount:>14}  {' '.join(data['flags'])}"
    ).rstrip()


def _cut(ref: str, room: int) -> str:
    """Fit a reference into a column that is as wide as there is room, from 8 to 36."""
    wide = min(max(room, 8), 36)
    return f"{ref if len(ref) <= wide else ref[: wide - 1] + '…':<{wide}}"


def print_explanation(explanation: Explanation) -> None:
    """Print an object with everything that was said about it."""
    out = console()
    row = explanation.row
    out.print(Text(harmless(f"{row.source} {row.kind} {row.provider_ref}"), style="bold"))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(explanation).items():
        facts.add_row(Text(name, style="dim"), value if isinstance(value, Text) else _text(value))
    out.print(facts)
    table = table_of(
        None,
        (
            {
                "effective": line["effective_at"],
                "authority": line["authority"],
                "provider says": _text(line["provider_status"]),
                "which is": _text(line["says"]),
                "verdict": Text(line["verdict"], style=_OUTCOME_COLOURS[Outcome(line["verdict"])]),
                "because": line["rule"],
            }
            for line in explanation.lines()
        ),
        ("effective", "authority", "provider says", "which is", "verdict", "because"),
    )
    out.print(table)


def _facts(explanation: Explanation) -> dict[str, str | Text]:
    row = explanation.row
    told = {
        "state": state_text(row.kind, row.state),
        "provider's word": row.provider_status,
        "merchant's ref": row.merchant_ref,
        "other names": ", ".join(explanation.folded.aliases),
        "amount": _money(row.amount, row.currency),
        "refunded": _money(row.refunded_amount or None, row.currency),
        "fees / net": f"{row.fees} / {row.net}" if row.fees is not None else "",
        "flags": _flags(row),
        "attempts": str(row.attempts) if row.attempts else "",
        "settlement step": row.settlement_step,
        "method": row.method,
        "failure": row.failure_reason,
        "decided by": row.decided_by,
        "told by": row.authority,
        "delivery": row.delivery_id,
        "events": str(row.sequence),
        "raw bodies": _gone(explanation),
    }
    return {name: value for name, value in told.items() if value}


def _gone(explanation: Explanation) -> str:
    """Say of which deliveries the raw bodies are gone; nothing where all are there."""
    gone = explanation.bodies_gone()
    if gone is None:
        return ""
    return (
        f"{gone['deliveries']} of {gone['of']} are gone since {gone['since']}: "
        f"those received until {gone['received_until']}"
    )


def table_of(
    title: str | None,
    rows: Iterable[Mapping[str, str | Text]],
    columns: Sequence[str],
    spared: Sequence[str] = (),
) -> Table:
    """Make a table; where the terminal is narrow, without the columns that can be spared."""
    shown = [name for name in columns if _width() >= _WIDE or name not in spared]
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for name in shown:
        table.add_column(
            name,
            overflow="fold",
            justify="right" if name in _RIGHT else "left",
            no_wrap=name in _WHOLE,
        )
    for row in rows:
        table.add_row(*(row[name] for name in shown))
    return table


_RIGHT: Final[Sequence[str]] = ("amount", "refunded", "events", "count", "last hour", "parked")
# What is copied into the next command, or read as one: never broken over lines.
_WHOLE: Final[Sequence[str]] = (
    "delivery", "sample", "first seen", "last seen", "last delivery", "request", "payment order",
    "webhook",
)  # fmt: skip


def _money(amount: object, currency: str | None) -> str:
    return "" if amount is None else f"{amount} {currency or ''}".rstrip()


def _text(value: str | None) -> Text:
    """Return what a stranger wrote, harmlessly: no markup, no control characters."""
    return Text(harmless(value or ""))
