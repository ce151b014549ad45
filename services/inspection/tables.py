"""How rows look on a terminal: aligned and coloured there, plain when piped."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from libs.domain.lifecycle import Band, Kind, State, band_of
from libs.domain.verdict import Outcome
from libs.store.inspect import ParkedReading
from libs.store.objects import StoredObject
from services.inspection.explanation import Explanation

_PIPED_WIDTH: Final = 160
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
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _PIPED_WIDTH
    return Console(width=width, highlight=False, soft_wrap=False)


def object_table(rows: Iterable[StoredObject], title: str | None = None) -> Table:
    """Return objects as a table."""
    table = _table(
        title, "source", "kind", "ref", "merchant", "state", "amount", "refunded", "flags", "events"
    )
    for row in rows:
        table.add_row(
            row.source,
            row.kind,
            _text(row.provider_ref),
            _text(row.merchant_ref),
            state_text(row.kind, row.state),
            _money(row.amount, row.currency),
            _money(row.refunded_amount or None, row.currency),
            " ".join(row.flags),
            str(row.sequence),
        )
    return table


def parked_table(found: Iterable[ParkedReading], title: str | None = None) -> Table:
    """Return parked readings as a table."""
    table = _table(title, "delivery", "source", "reason", "field", "value", "detail")
    for each in found:
        table.add_row(
            each.delivery_id,
            each.source,
            each.reason,
            _text(each.field),
            _text(each.value),
            _text(each.detail.splitlines()[-1] if each.detail else ""),
        )
    return table


def state_text(kind: str, state: str | None) -> Text:
    """Return a state in the colour of its band."""
    if state is None:
        return Text("not told", style="dim")
    return Text(state, style=_BAND_COLOURS[band_of(Kind(kind), State(state))])


def event_line(body: bytes) -> str:
    """Return one event as one line."""
    event: dict[str, Any] = json.loads(body)
    data = event["data"]
    before = data["previous_state"] or "·"
    amount = f"{data['amount']} {data['currency']}" if data["amount"] else ""
    colour = _BAND_COLOURS[band_of(Kind(data["kind"]), State(data["state"]))]
    arrow = f"{before:>18} → " + click.style(f"{data['state']:<18}", fg=colour)
    flags = " ".join(data["flags"])
    return (
        f"{data['source']:<11} {data['kind']:<8} {_plain(data['provider_ref']):<38.38} "
        f"#{event['sequence']:<3}{arrow} {amount:>16}  {flags}"
    ).rstrip()


def print_explanation(explanation: Explanation) -> None:
    """Print an object with everything that was said about it."""
    out = console()
    row = explanation.row
    out.print(Text(f"{row.source} {row.kind} {row.provider_ref}", style="bold"))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(explanation).items():
        facts.add_row(Text(name, style="dim"), value if isinstance(value, Text) else _text(value))
    out.print(facts)
    table = _table(
        None, "effective", "authority", "provider says", "which is", "verdict", "because"
    )
    for line in explanation.lines():
        table.add_row(
            line["effective_at"],
            line["authority"],
            _text(line["provider_status"]),
            _text(line["says"]),
            Text(line["verdict"], style=_OUTCOME_COLOURS[Outcome(line["verdict"])]),
            line["rule"],
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
        "flags": " ".join(row.flags),
        "attempts": str(row.attempts) if row.attempts else "",
        "settlement step": row.settlement_step,
        "method": row.method,
        "failure": row.failure_reason,
        "decided by": row.decided_by,
        "told by": row.authority,
        "delivery": row.delivery_id,
        "events": str(row.sequence),
    }
    return {name: value for name, value in told.items() if value}


def _table(title: str | None, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in _RIGHT else "left")
    return table


_RIGHT: Final[Sequence[str]] = ("amount", "refunded", "events")


def _money(amount: object, currency: str | None) -> str:
    return "" if amount is None else f"{amount} {currency or ''}".rstrip()


def _text(value: str | None) -> Text:
    """Return what a stranger wrote, harmlessly: no markup, no control characters."""
    return Text(_plain(value or ""))


def _plain(value: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
