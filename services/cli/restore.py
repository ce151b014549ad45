"""`caudal restore`: what happened after a backup, brought back from the copies on the broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from libs.contracts.event import timestamp
from libs.providers.registry import PROVIDERS
from libs.runtime.harmless import harmless, json_text
from libs.runtime.key_ring import KeyRing
from libs.runtime.logs import configure_logs
from libs.runtime.secret_references import UnreadSecrets
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.sources import Sources, load_sources
from libs.store.acts import Intent, Person, on_record
from libs.store.database import open_pool
from libs.store.objects import ObjectKey
from services.cli import options
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator
from services.restore.reach import ACTION
from services.restore.restoring import Restored, alone, close_gap, count_missing, survey
from services.stack.addresses import recall_sources

_NAMED = 20  # objects that are shown by name


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what is missing, and touch nothing.")
@click.option(
    "--anyway",
    is_flag=True,
    help="Go on where the copy does not reach back: what lies between stays missing.",
)
@options.by
@options.why
@options.sources
@options.data_dir
@options.as_json
def restore(  # noqa: PLR0913 - options of a command
    *,
    dry_run: bool,
    anyway: bool,
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
    bad usage or configuration. Where the copy does not reach back nothing is done, unless --anyway. With
    --json: known_until, kept_since, covered, looked_at, missing and unreadable; unless --dry-run also
    closed, failed, told, renumbered, corrected, and behind and unknown (arrays of source, kind and
    provider_ref). A dry run reads the deliveries alone, and may be done while all runs.
    """
    settings = load_settings(sources=sources)
    configure_logs("restore", LogLevel.ERROR, settings.log_format)
    path = settings.sources or recall_sources(data_dir) or settings.required_sources()
    known = load_sources(path, PROVIDERS, reader=UnreadSecrets)  # asks nobody, and lets nobody in
    database = options.postgres_dsn(data_dir), options.key_ring(data_dir)
    url = options.amqp_url(data_dir)
    if dry_run:
        found = asyncio.run(_look(database, url, known))
    else:
        person = options.person(by)
        found = asyncio.run(_restore(database, url, known, person, why, anyway=anyway))
    if as_json:
        click.echo(json_text(_view(found, dry_run=dry_run)))
    _sum_up(found, dry_run=dry_run)
    sys.exit(0 if found.done else 1)


async def _look(database: tuple[str, KeyRing], url: str, known: Sources) -> Restored:
    dsn, keys = database
    async with open_pool(dsn, size=2, keys=keys) as pool:
        found = await survey(pool, url)
        translator = Translator(PROVIDERS, terms_of(known))
        await count_missing(pool, url, translator, found, options.echo_progress())
    return found


async def _restore(  # noqa: PLR0913 - where, and who wants it
    database: tuple[str, KeyRing],
    url: str,
    known: Sources,
    person: Person,
    why: str,
    *,
    anyway: bool,
) -> Restored:
    dsn, keys = database
    translator = Translator(PROVIDERS, terms_of(known))
    async with open_pool(dsn, size=3, keys=keys, by_index=True) as pool, alone(pool, url) as away:
        found = await survey(pool, url)
        if not found.covered and not anyway:
            return found
        intent = Intent(person, ACTION, why, {"covered": found.covered})
        async with on_record(pool, intent) as noted:
            tell = options.echo_progress()
            await close_gap(pool, url, away, translator, known.holding, found, tell)
            noted.outcome |= {
                "missing": found.missing,
                "corrected": found.settled.corrected,
                "behind": len(found.settled.behind),
                "unknown": len(found.settled.unknown),
            }
    return found


def _view(found: Restored, *, dry_run: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "known_until": None if found.known_until is None else timestamp(found.known_until),
        "kept_since": None if found.kept_since is None else timestamp(found.kept_since),
        "covered": found.covered,
        "looked_at": found.looked_at,
        "missing": found.missing,
        "unreadable": found.unreadable,
    }
    if not dry_run:
        view |= {
            "closed": found.closed,
            "failed": found.failed,
            "told": found.told,
            "renumbered": found.settled.renumbered,
            "corrected": found.settled.corrected,
            "behind": [key._asdict() for key in found.settled.behind],
            "unknown": [key._asdict() for key in found.settled.unknown],
        }
    return view


def _sum_up(found: Restored, *, dry_run: bool) -> None:
    view = _view(found, dry_run=dry_run)
    _say(
        f"the database knows what came until {view['known_until']}, the copy begins at {view['kept_since']}"
    )
    if not found.covered:
        _say(
            "the copy does not reach back to what the database knows: ask the providers for what lies between"
        )
    if not found.closed and not dry_run:
        _say("nothing was done; with --anyway the rest is brought back all the same")
        return
    are = "are" if dry_run else "were"
    _say(f"{found.looked_at} deliveries looked at, {found.missing} {are} missing")
    if found.unreadable:
        _say(f"{found.unreadable} messages of the copies cannot be read")
    if dry_run:
        return
    settled = found.settled
    _say(
        f"{found.told} objects were told of, {settled.renumbered} go on behind a later event, "
        f"{settled.corrected} are told anew"
    )
    if found.failed:
        _say(f"{found.failed} deliveries are parked, since our code fails on them")
    _name("less is known than was told; nothing is told until more comes", settled.behind)
    _name("told of, and not known any more", settled.unknown)


def _name(what: str, keys: Sequence[ObjectKey]) -> None:
    for key in keys[:_NAMED]:
        _say(f"{what}: {key.source} {key.kind} {harmless(key.provider_ref)}")
    if len(keys) > _NAMED:
        _say(f"and {len(keys) - _NAMED} more")


def _say(line: str) -> None:
    click.echo(line, err=True)
