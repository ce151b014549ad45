"""What a notice tells beside its status: its key, its times, its sums, its other names.

A field that is only worth showing and cannot be read is left out, and its name is noted.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from libs.domain.money import MoneyError, amount_of
from libs.providers.safe2pay.refund_amount import Entries, plain
from libs.providers.safe2pay.wire import Notice

# No summer time since 2019; older dates keep the offset that they had.
DEFAULT_ZONE: Final = "America/Sao_Paulo"


def key_of(notice: Notice, status: int, lines: Entries) -> str:
    """Name what was said; a notice that is sent again has the same key.

    Left out is what varies without meaning: the secret, release dates, transfer and display
    switches. Numbers and dates are written in one way, however many zeros they came with.
    """
    told = [
        _plain(notice.amount),
        notice.payment_date.isoformat() if notice.payment_date else None,
        _plain(notice.paid_value),
        [plain(amount) for amount in sorted(line.amount for line in lines.negative)],
    ]
    digest = hashlib.sha256(orjson.dumps(told)).hexdigest()
    return f"{notice.id_transaction}:{status}:{digest[:32]}"


def utc_of(
    name: str, local: datetime | None, zone: str | None, noted: list[str]
) -> datetime | None:
    """Give a date of the provider's local time in UTC."""
    if local is None:
        return None
    try:
        aware = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone or DEFAULT_ZONE))
        return aware.astimezone(UTC)
    except (OverflowError, ValueError, KeyError, OSError):  # the year 9999, or no such zone
        noted.append(name)
        return None


def sum_of(name: str, number: Decimal | None, currency: str, noted: list[str]) -> Decimal | None:
    """Give a sum beside the amount, or None where it cannot be one."""
    if number is None:
        return None
    try:
        return amount_of(number, currency)
    except MoneyError:
        noted.append(name)
        return None


def aliases_of(notice: Notice) -> tuple[str, ...]:
    """Give the other names of the transaction: of the terminal's order, in Pix, at the acquirer."""
    told = (notice.payment_order_id, notice.end_to_end_id, notice.tid)
    return tuple(dict.fromkeys(name for name in told if name and name != "0"))


def facts_of(notice: Notice, paid: Decimal | None, noted: list[str]) -> dict[str, str]:
    """Give the texts that an operator may see. A boleto is paid with a fine or a discount."""
    facts = {
        "installments": str(notice.installment_quantity or ""),
        "paid_value": "" if paid is None else str(paid),
        "unreadable": ", ".join(noted),
    }
    return {name: text for name, text in facts.items() if text}


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
