"""The transfers report of the PayU module: one row for each payout, whoever requested it.

What is known of its form is the file's name, `<millis>_payment_orders_<accountId>.csv`, and the three
words for the status; the other names of columns are ours.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

COLUMNS: Final = ("pushPaymentId", "status", "value", "currency", "description", "creationDate")
_WORDS: Final = {
    "paid": "Approved",
    "returned": "Rejected",
    "rejected": "Rejected",
    "canceled": "Rejected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One payout, by the state in which it is."""

    ref: str
    state: str
    value: Decimal
    description: str
    created: datetime


def written(rows: Iterable[Row]) -> str:
    """Return the file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        created = row.created.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        word = _WORDS.get(row.state, "In progress")
        writer.writerow((row.ref, word, f"{row.value:.2f}", "COP", row.description, created))
    return text.getvalue()


def file_name(now: datetime, account_id: str) -> str:
    """Return what PayU calls the file."""
    return f"{int(now.timestamp() * 1000)}_payment_orders_{account_id}.csv"
