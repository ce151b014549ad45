"""What prepares the servers for the processes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from libs.bus.topology import apply_topology
from libs.bus.topology import topology as described_topology
from libs.runtime.settings import load_settings
from libs.store.migrate import migrate as apply_migrations
from services.cli import options


@click.command()
@options.data_dir
def migrate(data_dir: Path) -> None:
    """Bring the database to the newest schema."""
    load_settings()
    revision = apply_migrations(options.postgres_dsn(data_dir))
    click.echo(f"the schema is at revision {revision}")


@click.group()
def topology() -> None:
    """Exchanges and queues on the broker."""


@topology.command()
@click.option(
    "--retire",
    is_flag=True,
    help="Also take away what only an earlier version needs, when none of its processes runs.",
)
@options.data_dir
@options.as_json
def apply(data_dir: Path, *, retire: bool, as_json: bool) -> None:
    """Declare exchanges and queues; what is there already stays as it is."""
    load_settings()
    report = asyncio.run(apply_topology(options.amqp_url(data_dir), retire=retire))
    if as_json:
        click.echo(json.dumps({"exchanges": report.exchanges, "queues": report.queues}))
        return
    for name in (*report.exchanges, *report.queues):
        click.echo(f"in place: {name}")


@topology.command()
def show() -> None:
    """Print the topology as JSON."""
    click.echo(json.dumps(described_topology(), indent=2))
