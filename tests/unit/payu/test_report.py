"""PayU's report: whatever its header is called; a row that cannot be read is told by its line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from libs.providers.payu.report import Row, Unreadable, origin_of, row_body, rows_of
from libs.providers.reading import NotReadableError


def rows(text: str) -> list[Row]:
    found = list(rows_of(text.encode()))
    assert all(isinstance(each, Row) for each in found), found
    return [each for each in found if isinstance(each, Row)]


HEADERS = [
    "pushPaymentId,status,value,currency,description,creationDate",
    "Payment order id,Status,Value,Currency,Description,Creation date",
    "payment_order_id,STATUS,VALUE,CURRENCY,DESCRIPTION,CREATION_DATE",
    "\ufeffID, Estado ,Valor,Moneda,Descripción,Fecha de creación",
]


@pytest.mark.parametrize("header", HEADERS)
def test_header_is_read_liberally(header: str) -> None:
    [row] = rows(f"{header}\nA1,In progress,1500000.50,COP,ORD-1,1790000000000\n")
    assert (row.payout, row.status, row.value, row.currency, row.description) == (
        "A1",
        "In progress",
        Decimal("1500000.50"),
        "COP",
        "ORD-1",
    )


def test_semicolons_with_commas_in_amounts() -> None:
    [row] = rows('id;status;value;fullName\r\n"A1";Approved;"1500000,5";"Canary; Name"\r\n')
    assert row.value == Decimal("1500000.5")
    assert b"Canary" not in row_body(row, None)


def test_lines_within_quotes_count() -> None:
    found = list(rows_of(b'id,status,description\na,Approved,"two\nlines"\n\n,Approved,x\n'))
    assert [each.line for each in found] == [3, 5]
    assert isinstance(found[1], Unreadable)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (",Approved,1", "no payout id"),
        ("a,,1", "no status"),
        ("a,Approved,1.500.000", "no amount"),
        ('a,Approved,"1,5"', "no amount"),
        ("a,Approved,-1", "no amount"),
        ("a,Approved,1.234", "no amount"),
        ("a,Approved", "2 cells"),
        ("a,Approved,1,2", "4 cells"),
        (f"{'a' * 101},Approved,1", "no payout id"),
    ],
)
def test_row_that_cannot_be_read(cells: str, why: str) -> None:
    [found] = rows_of(f"id,status,value\n{cells}\n".encode())
    assert isinstance(found, Unreadable)
    assert (found.line, why in found.why) == (2, True)


@pytest.mark.parametrize("raw", [b"", b"\n", b"name,amount\na,1\n", b"status\nx\n", b"\x00\xff"])
def test_file_that_is_no_report(raw: bytes) -> None:
    with pytest.raises(NotReadableError):
        list(rows_of(raw))


def test_names_of_people_need_not_be_utf8() -> None:
    [found] = rows_of("id,status,fullName\na,Approved,Peña\n".encode("cp1252"))
    assert isinstance(found, Row)


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("1790000000123", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("2026-09-21T14:13:20Z", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("2026-09-21 09:13:20", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("2026-09-21", datetime(2026, 9, 21, 5, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),  # in no calendar of UTC
        ("9999-12-31T23:59:59-14:00", None),
        ("9999-12-31T23:59:59", None),
    ],
)
def test_creation_in_whatever_form(told: str, moment: datetime | None) -> None:
    [row] = rows(f"id,status,creationDate\na,Approved,{told}\n")
    assert row.created == moment


def test_name_of_the_file() -> None:
    assert origin_of("1790000000000_payment_orders_512321.csv") == (
        datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC),
        "512321",
    )
    assert origin_of("1790000000000_payment_orders_512321 (1).csv") is not None
    for other in ("report.csv", "1790000000000_payment_orders_.csv", "-"):
        assert origin_of(other) is None
