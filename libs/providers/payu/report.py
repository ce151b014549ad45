"""PayU's report of transfers: the only place that tells how a payout ended, when nobody notified us.

A CSV file of the PayU module, called `<millis>_payment_orders_<accountId>.csv`; kept for 90 days. Its
columns are not documented: the header decides, its names are taken liberally (case, blanks, hyphens and
underscores do not count), and columns that are not needed are not looked at, personal data among them.

    pushPaymentId,status,value,currency,description,creationDate

A comma or a semicolon separates; a byte order mark is tolerated. With semicolons `1500000,50` is an
amount; a separator of thousands never is. The status is Approved, In progress or Rejected.
Each row is a delivery of its own (`row_body`, route_event `report/<id>`), and `translate` says what one
means.

Source: https://developers.payulatam.com/latam/es/docs/services/payouts.html (how to follow payouts)
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown, shown
from libs.domain.lifecycle import Kind, State
from libs.domain.money import MoneyError
from libs.domain.observation import Observation
from libs.providers.payu.dates import COLOMBIA, in_calendar
from libs.providers.payu.own_calls import CURRENCY, amount_of, moment_of, reference_of
from libs.providers.payu.spelling import normalised, translated
from libs.providers.payu.wire import identity
from libs.providers.port import Terms
from libs.providers.reading import NotReadableError, decode, read_object
from libs.providers.tolerance import blamed

PREFIX: Final = "report/"
STATUS: Final = MappingProxyType(
    {
        "APPROVED": State.PAID,
        "IN_PROGRESS": State.PROCESSING,
        "REJECTED": State.REJECTED,  # also how a granted cancel ends: the fold decides
    }
)
# By what they are called once only letters and digits are left; the first that is there is taken.
COLUMNS: Final = MappingProxyType(
    {
        "id": ("pushpaymentid", "paymentorderid", "payoutid", "id"),
        "status": ("status", "paymentorderstatus", "estado", "state"),
        "value": ("value", "amount", "valor", "monto"),
        "currency": ("currency", "moneda"),
        "description": ("description", "descripcion", "descripción"),
        "created": ("creationdate", "created", "createdat", "date", "fechadecreacion"),
    }
)
_NAME: Final = re.compile(
    r"([0-9]{12,14})_payment_orders_([0-9]{1,20})(?:[ _(.-].*)?\.csv", re.IGNORECASE
)
_PLAIN: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
_COMMA: Final = re.compile(r"[0-9]{1,15}(,[0-9]{1,2})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_MILLISECONDS: Final = re.compile(r"[0-9]{12,14}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}|[0-9]{8}")
_DAY_FIRST: Final = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `created` where it is told and can be read; `zoned` where its zone is told too.

    Where it is not, `created` takes it for Colombian time; it may as well be UTC. `day`: a day is
    told, and no time of it.
    """

    line: int
    payout: str
    status: str
    value: Decimal | None
    currency: str
    description: str | None
    created: datetime | None
    zoned: bool = True
    day: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is left out, and why; nothing of it is quoted."""

    line: int
    why: str


def origin_of(name: str) -> tuple[datetime, str] | None:
    """Return when a report was made and of which account, as the name of its file says."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return datetime.fromtimestamp(int(found[1][:-3]), UTC), found[2]


def rows_of(raw: bytes) -> Iterator[Row | Unreadable]:
    """Read a report row by row. Raises `NotReadableError` where it is none."""
    try:
        text = decode(raw)
    except NotReadableError:  # names of people, as older spreadsheets write them
        text = raw.decode("cp1252", errors="replace")
    lines = text.splitlines(keepends=True)
    separator = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        header = next(reader, None)
        columns = _columns(header or [])
        for cells in reader:
            if any(map(str.strip, cells)):
                yield _row(reader.line_num, cells, columns, len(header or ()), separator)
    except csv.Error:
        raise NotReadableError(f"not CSV at line {reader.line_num}") from None


def row_body(row: Row, reported_at: datetime | None) -> bytes:
    """Write a row as a delivery's body: what is needed of it."""
    told = {
        "pushPaymentId": row.payout,
        "status": row.status,
        "value": None if row.value is None else format(row.value, "f"),
        "currency": row.currency,
        "description": row.description,
        "creationDate": _iso(row.created if row.zoned else None),
        "reportedAt": _iso(reported_at),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def translate(delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
    """Say what a row means."""
    try:
        told = read_object(delivery.body)
        payout = identity(told.get("pushPaymentId"))
        amount = amount_of(told)
    except (NotReadableError, MoneyError, ValueError) as error:
        return (Unknown(reason=ParkReason.NOT_READABLE, detail=str(error)),)
    if payout is None:
        return (Unknown(reason=ParkReason.NO_IDENTITY, detail="no payout id"),)
    status = told.get("status")
    word = translated(normalised(status if isinstance(status, str) else ""), terms)
    if word not in STATUS:
        return (
            Unknown(
                reason=ParkReason.UNKNOWN_VALUE,
                field="report.status",
                value=blamed(status),
                detail="a status that no table knows",
            ),
        )
    created = moment_of(told.get("creationDate"))
    return (
        Observation(
            kind=Kind.PAYOUT,
            provider_ref=payout,
            key=f"report:{payout}:{word}",
            provider_status=shown(f"report: {word}"),
            state=STATUS[word],
            amount=amount,
            merchant_ref=reference_of(told.get("description")),
            facts={} if created is None else {"created_at": created.isoformat()},
            occurred_at=moment_of(told.get("reportedAt")),
            authority=delivery.authority,
            received_at=delivery.received_at,
            delivery_id=delivery.id,
        ),
    )


def _columns(header: list[str]) -> dict[str, int]:
    names = ["".join(filter(str.isalnum, cell.lower())) for cell in header]
    found = {
        column: names.index(next(name for name in called if name in names))
        for column, called in COLUMNS.items()
        if not set(called).isdisjoint(names)
    }
    if missing := {"id", "status"} - found.keys():
        raise NotReadableError(f"no column for the {' and the '.join(sorted(missing))} of a payout")
    return found


def _row(
    line: int, cells: list[str], columns: dict[str, int], wide: int, separator: str
) -> Row | Unreadable:
    if len(cells) != wide:
        return Unreadable(line, f"{len(cells)} cells where the header has {wide}")
    told = {name: cells[at].strip() for name, at in columns.items()}
    try:
        payout = identity(told["id"])
    except ValueError:
        payout = None
    if payout is None:
        return Unreadable(line, "no payout id")
    if not told["status"]:
        return Unreadable(line, "no status")
    value = _value(told.get("value", ""), separator)
    if value is None and told.get("value"):
        return Unreadable(line, "the value is no amount")
    currency = told.get("currency", "").upper() or CURRENCY
    if not _CURRENCY.fullmatch(currency):
        return Unreadable(line, "the currency is none")
    created = in_calendar(_created(told.get("created", "")))
    return Row(
        line=line,
        payout=payout,
        status=told["status"],
        value=value,
        currency=currency,
        description=told.get("description") or None,
        created=None if created is None else created.replace(tzinfo=created.tzinfo or COLOMBIA),
        zoned=created is not None and created.tzinfo is not None,
        day=bool(_DAY.fullmatch(told.get("created", ""))),
    )


def _value(text: str, separator: str) -> Decimal | None:
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if separator == ";" and _COMMA.fullmatch(text):
        return Decimal(text.replace(",", "."))
    return None


def _created(text: str) -> datetime | None:
    """Read epoch milliseconds, ISO 8601, or a day first: `26/10/2026 10:00:05`, with less of a time."""
    if _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text[:-3]), UTC)
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    for form in _DAY_FIRST:
        with suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007 - told without a zone
    return None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
