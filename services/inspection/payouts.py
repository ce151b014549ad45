"""Payout requests and webhooks of PayU, as tables and as JSON values. Nothing personal, no token."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from libs.contracts.event import amount_text, timestamp
from libs.store.payout_request import AskedPayout, RequestState
from services.inspection.tables import table_of

_COLOURS: Final = {
    RequestState.RECORDED: "yellow",
    RequestState.UNKNOWN: "red",
    RequestState.SUCCEEDED: "green",
    RequestState.FAILED: "magenta",
    RequestState.RESOLVED: "cyan",
}


def request_view(request: AskedPayout) -> dict[str, Any]:
    """Return a request as JSON values, without its digest."""
    moments = ("created_at", "sent_at", "answered_at", "resolved_at")
    plain = (
        "id", "source", "environment", "batch", "item", "state", "currency", "description", "bank_account_id",
        "payment_order_id", "resolution", "resolved_by", "reason",
    )  # fmt: skip
    return {
        **{name: getattr(request, name) for name in plain},
        "value": amount_text(request.value),
        "failures": list(request.failures),
        **{name: _moment(getattr(request, name)) for name in moments},
    }


def request_table(requests: Iterable[AskedPayout]) -> Table:
    """Return requests as a table."""
    return table_of(
        None,
        (
            {
                "request": each.id,
                "item": str(each.item),
                "state": Text(_state(each), style=_COLOURS[each.state]),
                "amount": f"{each.value:,f} {each.currency}",
                "description": harmless(each.description),
                "payment order": harmless(each.payment_order_id),
                "asked": f"{timestamp(each.sent_at or each.created_at)[:19]}Z",
                "note": harmless("; ".join(each.failures) or each.reason),
            }
            for each in requests
        ),
        ("request", "item", "state", "amount", "description", "payment order", "asked", "note"),
        spared=("item", "asked"),
    )


def webhook_table(rows: Iterable[dict[str, Any]]) -> Table:
    """Return webhooks (see `services.cli.payu_webhooks`) as a table."""
    columns = {
        "action": "action", "webhook": "id", "about": "events", "url": "url",
        "description": "description", "status": "status", "created": "created",
    }  # fmt: skip
    shown = [{name: _cell(row.get(of)) for name, of in columns.items()} for row in rows]
    told = [name for name in columns if any(row[name].plain for row in shown) or name == "url"]
    return table_of(None, shown, told, spared=("created", "description"))


def harmless(value: str | None) -> Text:
    """Return what a stranger wrote without markup or control characters."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value or ""))


def _cell(value: object) -> Text:
    return harmless(" ".join(map(str, value)) if isinstance(value, list) else str(value or ""))


def _state(request: AskedPayout) -> str:
    if request.resolved_as is None:
        return request.state.value
    return f"{request.state.value}: {request.resolved_as.value.replace('_', ' ')}"


def _moment(value: datetime | None) -> str | None:
    return None if value is None else timestamp(value)
