"""`caudal replay`: what was received before, translated with today's mappings."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from libs.providers.registry import PROVIDERS
from libs.runtime.garbage import collect_seldom
from libs.runtime.harmless import harmless, json_text
from libs.runtime.key_ring import KeyRing
from libs.runtime.logs import configure_logs
from libs.runtime.secret_references import UnreadSecrets
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.sources import Sources, load_sources
from libs.store.acts import Intent, on_record
from libs.store.database import open_pool
from libs.store.retention import GoneBetween, dropped_between
from services.cli import options
from services.inspection.tables import change_table, show
from services.inspection.view import change_view
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator
from services.replay.archived import Range, Replayed
from services.replay.archived import replay as replay_archived
from services.stack.addresses import recall_sources

# Each takes 60 MB; and a container may be allowed fewer cores than it sees.
_PROCESSES: Final = 4
_SPAN: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _When(click.ParamType[datetime]):
    """A moment: ISO 8601 (UTC where it has no zone), or a span before now, as `2h` or `7d`."""

    name = "when"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if span := _SPAN.fullmatch(value.strip()):
                return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
            moment = datetime.fromisoformat(value.strip())
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail("must be ISO 8601 (2026-11-25T14:00) or a span (90m, 2h, 7d)", param, ctx)


@click.command()
@click.option(
    "--since", type=_When(), required=True, help="Received since: ISO 8601, or a span as 2h or 7d."
)
@click.option("--until", type=_When(), default=None, help="Received before; by default now.")
@click.option(
    "--source", "slugs", multiple=True, help="Only this source (slug); may be given several times."
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=lambda: min(os.cpu_count() or 1, _PROCESSES),
    show_default=f"one for each core, at most {_PROCESSES}",
    help="How many processes go through a long range.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and touch nothing.")
@options.by
@options.why
@options.sources
@options.data_dir
@options.as_json
def replay(  # noqa: PLR0913 - options of a command
    *,
    since: datetime,
    until: datetime | None,
    slugs: tuple[str, ...],
    processes: int,
    dry_run: bool,
    by: str | None,
    why: str,
    sources: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Translate archived deliveries again, with today's mappings.

    Today's mappings are those of the installed code and of the sources file (its aliases, currency
    and time zone; with a running `caudal up` its own). What deliveries say otherwise now takes the
    place of what they said: one corrected event for each object that changed, none for the others.
    Works from the archive alone, and beside running reconcilers. Doing it again changes nothing.

    A delivery that would leave an object without any state is not corrected at all, and the objects
    that it touches are named for a person to look at: exit code 1, the others are done. The same
    for a delivery on which our code fails, or whose body is sealed under a key that is not at hand.
    What retention has dropped cannot be looked at; how much of the range that is, is told.

    With --json: one array with source, kind, provider_ref, before, after and changed (the names of
    the fields that differ) of each object.
    """
    wanted = Range(since, until or datetime.now(UTC), slugs)
    if wanted.until <= wanted.since:
        raise click.BadParameter("must be later than --since", param_hint="--until")
    settings = load_settings(sources=sources)
    configure_logs("replay", LogLevel.ERROR, settings.log_format)
    path = settings.sources or recall_sources(data_dir) or settings.required_sources()
    known = load_sources(path, PROVIDERS, reader=UnreadSecrets)
    database = options.postgres_dsn(data_dir), options.key_ring(data_dir)
    collect_seldom()
    intent = None if dry_run else Intent(options.person(by), "replay", why, _subject(wanted))
    found, gone = uvloop.run(_replay(database, known, wanted, processes, intent))
    if as_json:
        changes = [change_view(before, after) for before, after in found.changed]
        click.echo(json_text(changes))
    else:
        show(change_table(change_view(before, after) for before, after in found.changed))
    _sum_up(found, dry_run=dry_run)
    if gone is not None:
        _tell_gone(gone)
    sys.exit(0 if found.done else 1)


async def _replay(
    database: tuple[str, KeyRing],
    known: Sources,
    wanted: Range,
    processes: int,
    intent: Intent | None,
) -> tuple[Replayed, GoneBetween | None]:
    """Do it on record; without an intent nothing is touched. Return also what is no longer on file."""
    translator = Translator(PROVIDERS, terms_of(known))
    dsn, keys = database

    async def work() -> Replayed:
        return await replay_archived(
            pool,
            translator,
            wanted,
            options.echo_progress(),
            dry_run=intent is None,
            processes=processes,
            holds=known.holding,
        )

    async with open_pool(dsn, size=2, keys=keys) as pool:
        gone = await dropped_between(pool, wanted.since, wanted.until)
        if intent is None:
            return await work(), gone
        async with on_record(pool, intent) as noted:
            found = await work()
            noted.outcome |= {"looked_at": found.looked_at, "changed": len(found.changed)}
            return found, gone


def _subject(wanted: Range) -> dict[str, Any]:
    times = {"since": wanted.since.isoformat(), "until": wanted.until.isoformat()}
    return times | ({"sources": list(wanted.sources)} if wanted.sources else {})


def _tell_gone(gone: GoneBetween) -> None:
    click.echo(
        f"not looked at, since it is no longer on file: {gone.deliveries} deliveries of {gone.days} days "
        f"from {gone.first} to {gone.last}, of all sources; what they said stands as it is",
        err=True,
    )


def _sum_up(found: Replayed, *, dry_run: bool) -> None:
    verb = "would change" if dry_run else "changed"
    click.echo(
        f"{found.looked_at} deliveries looked at, {found.differing} say something else today; "
        f"{len(found.changed)} objects {verb}; {found.unparked} parked readings "
        f"{'would go' if dry_run else 'went'}, {found.parked} {'would come' if dry_run else 'came'}",
        err=True,
    )
    for key in found.left:
        click.echo(
            f"left as it is, or nothing would tell the state of what is touched: {key.source} {key.kind} "
            f"{harmless(key.provider_ref)}",
            err=True,
        )
    for unopened in found.unopened:
        click.echo(f"left as it is: {unopened}", err=True)
    for delivery_id in found.failed:
        click.echo(f"left as it is, our code fails on the delivery {delivery_id}", err=True)
