"""Which unknown request a row of the report may be about: amount, description and time, or nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from libs.providers.payu.report import Row, rows_of
from libs.store.payout_request import AskedPayout, RequestState
from services.payouts.reporting import _fits, _tells

SENT = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
REQUEST = AskedPayout(
    id="r",
    source="payu",
    batch="b",
    item=0,
    value=Decimal(4500000),
    currency="COP",
    digest=b"",
    key_name="k",
    created_at=SENT,
    sent_at=SENT,
    description="ORD-1",
    state=RequestState.UNKNOWN,
)


def row(value: str = "4500000.00", description: str = "ORD-1", created: str = "") -> Row:
    text = f"id,status,value,description,created\na,Approved,{value},{description},{created}\n"
    [found] = rows_of(text.encode())
    assert isinstance(found, Row)
    return found


@pytest.mark.parametrize(
    ("created", "fits"),
    [
        ("", True),
        ("2026-11-26T15:00:03Z", True),
        ("2026-11-26T16:59:00Z", True),
        ("2026-11-26T17:01:00Z", False),
        ("2026-11-26T14:49:00Z", False),
        ("2026-11-26 15:00:03", True),  # UTC
        ("2026-11-26 10:00:03", True),  # Colombian time
        ("2026-11-26 12:00:03", False),
        ("2026-11-26", True),
        ("2026-11-24", False),
        (str(int(SENT.timestamp() * 1000)), True),
    ],
)
def test_time(created: str, *, fits: bool) -> None:
    assert _fits(REQUEST, row(created=created)) is fits


def test_amount_and_description() -> None:
    assert not _fits(REQUEST, row(value="4500000.01"))
    assert not _fits(REQUEST, row(value=""))
    assert not _fits(REQUEST, row(description="ORD-2"))
    assert not _fits(REQUEST, row(description=""))
    assert _fits(REQUEST, row(description=" ORD-1 "))


def test_amount_alone_tells_nothing() -> None:
    assert not _tells(row(description=""))
    assert _tells(row(description="", created=str(SENT + timedelta(minutes=1))))
