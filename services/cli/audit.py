"""`caudal audit`: who did what, and why."""

from __future__ import annotations

from pathlib import Path

import click

from libs.runtime.harmless import json_text
from libs.store.acts import list_acts
from services.cli import options
from services.inspection.acts import act_table
from services.inspection.tables import show
from services.inspection.view import act_view


@click.group()
def audit() -> None:
    """See what people did: over the port for operators, and with commands that change something."""


@audit.command(name="list")
@click.option("--who", default=None, help="Only what this person did.")
@click.option("--action", default=None, help="Only this, for example parked.discard.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@options.data_dir
@options.as_json
def list_(
    *, who: str | None, action: str | None, limit: int, data_dir: Path, as_json: bool
) -> None:
    """List acts, newest first; one whose outcome is not known was cut off.

    With --json: one array with act, at, who, via, action, why, subject, ended_at and outcome.
    """
    found = options.reading(
        data_dir, lambda pool: list_acts(pool, who=who, action=action, limit=limit)
    )
    if as_json:
        click.echo(json_text([act_view(each) for each in found]))
        return
    show(act_table(found))
