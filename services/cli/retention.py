"""`caudal retention`: letting go of what is old, and how it stands with that."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from libs.contracts.event import timestamp
from libs.runtime.harmless import json_text
from libs.runtime.logs import configure_logs
from libs.runtime.retention import Retention as Kept
from libs.runtime.settings import LogLevel, load_settings
from libs.store.acts import Intent, on_record
from libs.store.database import Pool, open_pool
from libs.store.retention import Day, Standing, archive_days, due_days, standing
from services.cli import options
from services.reconciler.retention import Let, let_go

WAIT: Final = 30.0  # seconds for a reconciler that is at it
_PAUSE: Final = 1.0
_ENOUGH_AHEAD: Final = 2  # days

_archive = click.option(
    "--archive-days", type=int, default=None, help="Instead of CAUDAL_RETENTION_ARCHIVE_DAYS."
)
_acts = click.option(
    "--acts-days", type=int, default=None, help="Instead of CAUDAL_RETENTION_ACTS_DAYS."
)


@click.group()
def retention() -> None:
    """Let go of what is old: raw deliveries, what was discarded, the record of acts.

    Nothing goes that is not set: CAUDAL_RETENTION_ARCHIVE_DAYS (15 at least) for raw deliveries and
    discarded readings, CAUDAL_RETENTION_ACTS_DAYS (365 at least) for what people did. The reconcilers
    do the same by themselves every ten minutes. What objects are folded from stays, and so does the
    ledger of what came twice.
    """


@retention.command()
@_archive
@_acts
@click.option("--dry-run", is_flag=True, help="Say what would go, and touch nothing.")
@options.by
@options.why
@options.data_dir
@options.as_json
def run(  # noqa: PLR0913 - options of a command
    *,
    archive_days: int | None,
    acts_days: int | None,
    dry_run: bool,
    by: str | None,
    why: str,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Let go now of what is due.

    A day of the archive goes whole, but for deliveries that were never translated, and those of which
    something is parked: these stay until that is over. Runs beside the workers, which it holds up for
    moments (a fifth of a second at most for each table that it has to wait for, five times at most for a
    day), and may be interrupted and run again. When retention was done (`retention status`) the reconcilers
    alone say, by their own numbers: within ten minutes, if nothing of it is left.

    Exit codes: 0 all that was due is gone, or nothing was; 1 some of it is not, since somebody reads it
    (a long `caudal replay`) or is at it; 2 a number of days that is none, or too short. With --json:
    dropped (an array of day, deliveries, kept and bytes), rows (by what they were), held_up (days); with
    --dry-run due (an array of day, bytes and deliveries, which is an estimate or null).
    """
    kept = _kept(archive_days, acts_days)
    if kept.retention_archive_days is None and kept.retention_acts_days is None:
        click.echo("everything is kept: this command has no number of days (see --help)", err=True)
    if dry_run:
        _show_due(options.reading(data_dir, lambda pool: _due(pool, kept)), as_json=as_json)
        return
    intent = Intent(options.person(by), "retention.run", why, _told(kept))
    found = asyncio.run(_run(options.postgres_dsn(data_dir), kept, intent))
    _show(found, as_json=as_json)
    sys.exit(0 if found.done else 1)


@retention.command()
@click.option(
    "--check",
    is_flag=True,
    help="Exit code 1 where days are overdue, or fewer than two days ahead have partitions.",
)
@options.data_dir
@options.as_json
def status(*, check: bool, data_dir: Path, as_json: bool) -> None:
    """Show what the archive holds, how far back it reaches, and what is gone since when.

    With --json: archive_days and acts_days (as set, or null), last_done_at, oldest_day, days, bytes,
    days_ahead, unpartitioned (rows, counted up to 10,000), overdue (days), dropped (days, deliveries,
    bytes, until).
    """
    kept = _kept(None, None)

    async def ask(pool: Pool) -> tuple[Standing, list[Day], list[Day]]:
        return await standing(pool), await archive_days(pool), await _due(pool, kept)

    now, days, due = options.reading(data_dir, ask)
    told = _standing_view(kept, now, days, due)
    if as_json:
        click.echo(json_text(told))
    else:
        for name, value in told.items():
            click.echo(f"{name.replace('_', ' '):>14}  {_plain(value)}")
    sys.exit(1 if check and (due or now.ahead < _ENOUGH_AHEAD) else 0)


def _kept(archive_days: int | None, acts_days: int | None) -> Kept:
    settings = load_settings(retention_archive_days=archive_days, retention_acts_days=acts_days)
    configure_logs("retention", LogLevel.ERROR, settings.log_format)
    return settings


def _told(kept: Kept) -> dict[str, Any]:
    return {"archive_days": kept.retention_archive_days, "acts_days": kept.retention_acts_days}


async def _due(pool: Pool, kept: Kept) -> list[Day]:
    wanted = {day for day, _ in await due_days(pool, kept.retention_archive_days)}
    return [each for each in await archive_days(pool) if each.day in wanted]


async def _run(dsn: str, kept: Kept, intent: Intent) -> Let:
    """Do it on record; where a reconciler is at it, wait for it for a while."""
    async with open_pool(dsn, size=2) as pool, on_record(pool, intent) as noted:
        total, until = Let(busy=True), time.monotonic() + WAIT
        while total.busy and time.monotonic() < until:
            found = await let_go(pool, kept, options.echo_progress())
            total.days += found.days
            total.rows += found.rows
            total.held_up, total.busy = found.held_up, found.busy
            if total.busy:
                await asyncio.sleep(_PAUSE)
        noted.outcome |= {"days": len(total.days), "rows": dict(total.rows), "done": total.done}
        return total


def _show(found: Let, *, as_json: bool) -> None:
    if as_json:
        told = {
            "dropped": [
                {"day": str(d.day), "deliveries": d.deliveries, "kept": d.kept, "bytes": d.bytes}
                for d in found.days
            ],
            "rows": dict(found.rows),
            "held_up": [str(day) for day in found.held_up],
        }
        click.echo(json_text(told))
    else:
        for day in found.days:
            left = f", {day.kept} are still needed and stay" if day.kept else ""
            click.echo(f"{day.day}  {day.deliveries} deliveries, {day.bytes} bytes{left}")
    rows = "".join(f", {count} {what}" for what, count in found.rows.items() if count)
    click.echo(f"{len(found.days)} days dropped{rows}", err=True)
    for held in found.held_up:
        click.echo(f"{held} is in use by somebody who reads it for long; try again later", err=True)
    if found.busy:
        click.echo("a reconciler, or somebody else, is at it all the time", err=True)


def _show_due(due: list[Day], *, as_json: bool) -> None:
    if as_json:
        days = [{"day": str(d.day), "bytes": d.bytes, "deliveries": d.deliveries} for d in due]
        click.echo(json_text({"due": days}))
    else:
        for day in due:
            some = "" if day.deliveries is None else f"some {day.deliveries} deliveries, "
            click.echo(f"{day.day}  {some}{day.bytes} bytes")
    click.echo(f"{len(due)} days would be dropped", err=True)


def _standing_view(kept: Kept, now: Standing, days: list[Day], due: list[Day]) -> dict[str, Any]:
    return {
        **_told(kept),
        "last_done_at": None if now.done_at is None else timestamp(now.done_at),
        "oldest_day": None if now.oldest is None else str(now.oldest),
        "days": len(days),
        "bytes": sum(each.bytes for each in days),
        "days_ahead": now.ahead,
        "unpartitioned": now.waiting,
        "overdue": [str(each.day) for each in due],
        "dropped": {
            "days": now.dropped_days,
            "deliveries": now.dropped_deliveries,
            "bytes": now.dropped_bytes,
            "until": None if now.dropped_until is None else str(now.dropped_until),
        },
    }


def _plain(value: object) -> str:
    if value is None:
        return "·"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)
