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
        ("2026-11-25", False),
        ("2026-11-24", False),
        ("26/11/2026", True),
        ("27/11/2026", False),
        ("26/11/2026 10:00", True),
        ("26/11/2026 10:00:03", True),
        ("26/10/2026 10:00", False),
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


@pytest.mark.parametrize(("created", "tells"), [("", False), ("yesterday", False), (SENT, True)])
def test_only_a_time_that_can_be_read_tells(created: object, *, tells: bool) -> None:
    assert _tells(REQUEST, row(created=str(created)), None) is tells


def test_report_from_before_tells_nothing() -> None:
    later = row(created=str(SENT + timedelta(minutes=1)))
    assert not _tells(REQUEST, later, SENT - timedelta(seconds=1))
    assert _tells(REQUEST, later, SENT)
