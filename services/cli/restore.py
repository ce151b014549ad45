"""`caudal restore`: what happened after a backup, brought back from the copies on the broker."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from libs.contracts.event import timestamp
from libs.providers.registry import PROVIDERS
from libs.runtime.harmless import harmless, json_text
from libs.runtime.key_ring import KeyRing
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.sources import Sources, load_sources
from libs.store.acts import Intent, on_record
from libs.store.database import open_pool
from services.cli import options
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator
from services.restore.restoring import Restored, close_gap
from services.stack.addresses import recall_sources

_NAMED = 20  # objects that are shown by name


@click.command()
@click.option("--dry-run", is_flag=True, help="Count what is missing, and touch nothing.")
@options.by
@options.why
@options.sources
@options.data_dir
@options.as_json
def restore(  # noqa: PLR0913 - options of a command
    *,
    dry_run: bool,
    by: str | None,
    why: str,
    sources: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Close the gap after a backup of the database was restored.

    Takes what the database does not know from the copies that the broker keeps (`caudal topology apply
    --keep`), and has each object's events go on behind the last that was told. To be called after
    `caudal migrate` and before the reconcilers are started; ingresses and normalizers may run.
    deploy/backup.md has the whole procedure. Interrupted, it is called again.

    Needs CAUDAL_AMQP_URL, CAUDAL_POSTGRES_DSN, the archive's keys and the sources file. Exit codes: 0
    nothing can be missing; 1 something can, and is told, or a server is away, or a reconciler runs; 2
    bad usage or configuration. With --json: known_until, kept_since, covered, looked_at, missing, failed,
    unreadable, told, renumbered, corrected and unknown (an array of source, kind and provider_ref).
    """
    settings = load_settings(sources=sources)
    configure_logs("restore", LogLevel.ERROR, settings.log_format)
    path = settings.sources or recall_sources(data_dir) or settings.required_sources()
    known = load_sources(path, PROVIDERS)
    database = options.postgres_dsn(data_dir), options.key_ring(data_dir)
    intent = None if dry_run else Intent(options.person(by), "restore", why, {})
    found = asyncio.run(_restore(database, options.amqp_url(data_dir), known, intent))
    if as_json:
        click.echo(json_text(_view(found)))
    _sum_up(found, dry_run=dry_run)
    sys.exit(0 if found.done else 1)


async def _restore(
    database: tuple[str, KeyRing], url: str, known: Sources, intent: Intent | None
) -> Restored:
    dsn, keys = database
    translator = Translator(PROVIDERS, terms_of(known))

    async def work() -> Restored:
        tell = options.echo_progress()
        return await close_gap(pool, url, translator, known.holding, tell, dry_run=intent is None)

    async with open_pool(dsn, size=2, keys=keys) as pool:
        if intent is None:
            return await work()
        async with on_record(pool, intent) as noted:
            found = await work()
            noted.outcome |= {"missing": found.missing, "corrected": found.corrected}
            return found


def _view(found: Restored) -> dict[str, Any]:
    return {
        "known_until": None if found.known_until is None else timestamp(found.known_until),
        "kept_since": None if found.kept_since is None else timestamp(found.kept_since),
        "covered": found.covered,
        "looked_at": found.looked_at,
        "missing": found.missing,
        "failed": found.failed,
        "unreadable": found.unreadable,
        "told": found.told,
        "renumbered": found.renumbered,
        "corrected": found.corrected,
        "unknown": [key._asdict() for key in found.unknown],
    }


def _sum_up(found: Restored, *, dry_run: bool) -> None:
    view = _view(found)
    click.echo(
        f"the database knows what came until {view['known_until']}, the copy begins at {view['kept_since']}",
        err=True,
    )
    click.echo(
        f"{found.looked_at} deliveries looked at, {found.missing} {'are' if dry_run else 'were'} missing; "
        f"{found.told} objects were told of, {found.renumbered} go on behind a later event, "
        f"{found.corrected} are told anew",
        err=True,
    )
    if not found.covered:
        click.echo(
            "the copy does not reach back to what the database knows: ask the providers for what lies between",
            err=True,
        )
    if found.unreadable:
        click.echo(f"{found.unreadable} messages of the copies cannot be read", err=True)
    if found.failed:
        click.echo(f"{found.failed} deliveries are parked, since our code fails on them", err=True)
    for key in found.unknown[:_NAMED]:
        click.echo(
            f"told of, and not known any more: {key.source} {key.kind} {harmless(key.provider_ref)}",
            err=True,
        )
    if len(found.unknown) > _NAMED:
        click.echo(f"and {len(found.unknown) - _NAMED} more", err=True)
