"""`caudal overdue`: objects of which something should have been heard, and did not come."""

from __future__ import annotations

from pathlib import Path

import click

from libs.runtime.harmless import json_text
from libs.store.overdue import list_overdue
from services.cli import options
from services.cli.parked_choice import by_provider, by_source
from services.inspection.overdue import overdue_table, overdue_view
from services.inspection.tables import show


@click.group()
def overdue() -> None:
    """Objects that are not settled in the time that their rail takes."""


@overdue.command(name="list")
@by_source
@by_provider
@click.option("--all", "waiting", is_flag=True, help="Also those that are watched and not due yet.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="At most so many.")
@options.data_dir
@options.as_json
def list_(  # noqa: PLR0913 - options of a command
    *,
    source: str | None,
    provider: str | None,
    waiting: bool,
    limit: int | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """List what is overdue, longest first: why, how often it was asked about, and when next.

    Why: `poked` (a notice asked us to look), `overdue` (nothing final in the time of its rail),
    `verify` and `uncorroborated` (the flags), `check` (it looks finished; one more look is due).
    "Ask a person" stands where the provider has no query, or all that its schedule has were made.
    The list is kept by the reconcilers that poll; with --json: one array.
    """
    found = options.reading(
        data_dir,
        lambda pool: list_overdue(
            pool, source=source, provider=provider, limit=limit, waiting=waiting
        ),
    )
    if as_json:
        click.echo(json_text([overdue_view(each) for each in found]))
        return
    show(overdue_table(found))
