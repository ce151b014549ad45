"""`caudal sources`: who may send, and how that goes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from libs.contracts.event import timestamp
from libs.providers.registry import PROVIDERS
from libs.runtime.harmless import json_text
from libs.runtime.secret_references import UnreadSecrets
from libs.runtime.settings import load_settings
from libs.runtime.sources import load_sources
from libs.store.notices import lost_and_found
from services.cli import options
from services.cli.sources_check import check
from services.inspection.lost import lost_table, lost_view
from services.inspection.sources import Status, source_status, source_table, source_view
from services.inspection.tables import show
from services.stack.addresses import recall_sources


@click.group()
def sources() -> None:
    """Show the sources: merchant accounts that may send webhooks."""


@sources.command()
@click.option("--check", is_flag=True, help="Exit code 1 where a source is silent.")
@options.sources
@options.data_dir
@options.as_json
def status(sources: Path | None, data_dir: Path, *, check: bool, as_json: bool) -> None:
    """Show how each source stands, configured or only known from its webhooks.

    State: ok; quiet (nothing in an hour, as usual at this time of the week); silent (fallen out of
    its usual rate, the column `why` says how); learning (less than three weeks seen); never. The
    usual count of this hour of the week (UTC) is the median of the last eight weeks, and the low one.
    `not let in` counts requests without the right credential: last hour / last day. No secret of the
    sources file is read.

    With --json: one array of objects.
    """
    known = _configured(sources, data_dir)
    found = options.reading(data_dir, lambda pool: source_status(pool, known))
    _warn(found)
    if as_json:
        rows = [source_view(row, found.counted) for row in found.rows]
        click.echo(json_text(rows))
    else:
        show(source_table(found))
    if check and any(row.silent for row in found.rows):
        sys.exit(1)


@sources.command()
@click.argument("source", required=False)
@options.data_dir
@options.as_json
def lost(source: str | None, data_dir: Path, *, as_json: bool) -> None:
    """Show what was not let in lately, the latest first: the lost-and-found.

    Of each: when, for which source, which rule failed and why, the body's size, its SHA-256 where it was
    read, and the names of its headers. A provider whose secret was rotated shows here. The last
    hundred of each source are kept; in a flood an ingress shows ten of a source in five seconds.

    With --json: one array of objects.
    """
    found = options.reading(data_dir, lambda pool: lost_and_found(pool, source))
    if as_json:
        click.echo(json_text([lost_view(one) for one in found]))
    else:
        show(lost_table(found))


sources.add_command(check)


def _configured(told: Path | None, data_dir: Path) -> dict[str, str]:
    """Return slug and provider of what the sources file has, where there is one."""
    path = load_settings(sources=told).sources or recall_sources(data_dir)
    if path is None:
        return {}
    found = load_sources(path, PROVIDERS, reader=UnreadSecrets)
    return {source.slug: source.provider for source in found}


def _warn(found: Status) -> None:
    if found.stale:
        click.echo(
            f"counted until {timestamp(found.counted.until)} only: no reconciler runs,"
            " or webhooks wait to be filed",
            err=True,
        )
