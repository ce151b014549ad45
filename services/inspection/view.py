"""Rows as JSON values, under the names of the public event."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from libs.contracts.event import EventData, amount_text, timestamp
from libs.store.acts import Act
from libs.store.inspect import ParkedReading
from libs.store.objects import StoredObject
from libs.store.parked import ParkedGroup

# What lies beside the event's data in a row. `sequence` is the number of events so far; `held` says that no
# event tells what the row says, until somebody better than an unsigned notice says it too.
BESIDE: Final = ("sequence", "attempts", "settlement_step", "held")
# How an object came to its state, which depends on the order of arrival; its state does not.
PATH: Final = ("previous_state", "sequence")


OBJECT: Final = (*EventData.model_fields, *BESIDE)
PARKED: Final = (
    "delivery_id", "source", "provider", "origin", "reason", "field", "value", "detail",
    "received_at", "parked_at", "attempts", "replays", "replayed_at", "discarded_at",
    "discard_reason",
)  # fmt: skip


def object_view(row: StoredObject) -> dict[str, Any]:
    """Return the fields of the event's data, and `BESIDE`."""
    return {name: _json(getattr(row, name)) for name in OBJECT}


def change_view(before: StoredObject, after: StoredObject) -> dict[str, Any]:
    """Return what a correction changes of an object: all its fields before and after."""
    was, now = object_view(before), object_view(after)
    named = ("source", "kind", "provider_ref")
    shown = [name for name in now if name not in {*named, "provider", *PATH}]
    return {
        **{name: now[name] for name in named},
        "before": {name: was[name] for name in shown},
        "after": {name: now[name] for name in shown},
        "changed": [name for name in shown if was[name] != now[name]],
    }


def parked_view(parked: ParkedReading) -> dict[str, Any]:
    """Return a parked reading without its body."""
    return {name: _json(getattr(parked, name)) for name in PARKED}


def group_view(group: ParkedGroup) -> dict[str, Any]:
    """Return a group of parked readings."""
    return {field.name: _json(getattr(group, field.name)) for field in fields(group)}


def act_view(act: Act) -> dict[str, Any]:
    """Return what somebody did."""
    return {field.name: _json(getattr(act, field.name)) for field in fields(act)}


def _json(value: object) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return value
