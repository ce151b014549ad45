"""`caudal payu report`: what PayU's module says of its transfers."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from libs.providers.payu.report import Row, Unreadable, origin_of, rows_of
from libs.providers.reading import NotReadableError
from libs.runtime.harmless import json_text
from libs.runtime.source_api import Environment
from libs.store.database import open_pool
from services.cli import options
from services.cli.payu_account import (
    DONE,
    EXIT_CODES,
    MISUSED,
    PARTLY,
    by_source,
    carried_out,
    fail,
    known_sources,
    world,
)
from services.cli.payu_telling import say_what_is_left, tell_what_is_due
from services.payouts.connection import environment_of, source_of
from services.payouts.reporting import Imported, import_report


@click.group()
def report() -> None:
    """Read PayU's report of transfers, the only place that tells how a payout ended."""


@report.command(name="import", epilog=EXIT_CODES)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--dry-run", is_flag=True, help="Say what it has and what it resolves; touch nothing."
)
@by_source
@world
@options.sources
@options.data_dir
@options.as_json
def import_(  # noqa: PLR0913 - options of a command
    *,
    file: BinaryIO,
    dry_run: bool,
    slug: str | None,
    sandbox: bool | None,
    sources: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Import FILE, a CSV called <millis>_payment_orders_<accountId>.csv (- is stdin).

    Each row enters as a delivery of the authority `report`: Approved is paid, In progress is
    processing, Rejected is rejected (or canceled, where a cancel was asked for). Words that nobody
    knows are parked. Payouts that were asked for and whose answer was lost are resolved where one row
    alone has their amount, description and time of creation (ISO 8601, dd/mm/yyyy hh:mm:ss or epoch
    milliseconds), and the report is not older than they are; otherwise the orders that it may be are
    named. A report of one of PayU's worlds resolves no request of the other.
    Importing it twice changes nothing. Rows that cannot be read are told by their line: exit code 3.
    """
    source = source_of(known_sources(sources, data_dir), slug)
    name = Path(file.name).name
    made = origin_of(name)
    wanted = source.api.account_id if source.api else None
    if made is not None and wanted is not None and made[1] != wanted:
        fail(MISUSED, f"{name} is of the account {made[1]}, and {source.slug} is {wanted}")
    asked = None if sandbox is None else Environment.SANDBOX if sandbox else Environment.PRODUCTION
    environment = environment_of(source, asked)
    lines = _lines(file, name)
    dsn, keys = options.postgres_dsn(data_dir), options.key_ring(data_dir)

    async def work() -> tuple[Imported, int | None]:
        async with open_pool(dsn, size=2, keys=keys) as pool:
            found = await import_report(
                pool,
                source.slug,
                lines,
                name=name,
                reported_at=made[0] if made else None,
                now=datetime.now(UTC),
                dry_run=dry_run,
                environment=environment and environment.value,
            )
            return found, 0 if dry_run else await tell_what_is_due(pool, data_dir)

    found, left = carried_out(work(), changes=False)  # to do it again is safe
    _tell(found, left, name, dry_run=dry_run, as_json=as_json)
    sys.exit(PARTLY if found.unreadable else DONE)


def _lines(file: BinaryIO, name: str) -> list[Row | Unreadable]:
    try:
        return list(rows_of(file.read()))
    except NotReadableError as error:
        fail(MISUSED, f"{name}: {error}")


def _tell(found: Imported, left: int | None, name: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(_view(found, left)))
    else:
        verb = "would be told" if dry_run else "told"
        click.echo(f"{len(found.rows)} rows {verb}, {len(found.resolved)} requests resolved")
    for request, row in found.resolved:
        click.echo(f"{request.id} is {row.payout} (line {row.line})", err=True)
    for request, orders in found.ambiguous:
        click.echo(
            f"{request.id} may be {' or '.join(orders)}: see `caudal payu payouts resolve`",
            err=True,
        )
    for bad in found.unreadable:
        click.echo(f"{name}:{bad.line}: {bad.why}", err=True)
    say_what_is_left(left)


def _view(found: Imported, left: int | None) -> dict[str, Any]:
    return {
        "rows": len(found.rows),
        "unreadable": [{"line": each.line, "why": each.why} for each in found.unreadable],
        "resolved": [
            {"request": request.id, "payment_order_id": row.payout, "line": row.line}
            for request, row in found.resolved
        ],
        "ambiguous": [
            {"request": request.id, "payment_order_ids": orders}
            for request, orders in found.ambiguous
        ],
        "to_be_told": left,
    }
