"""What prepares the servers for the processes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from libs.bus import permissions
from libs.bus.kept import LONGEST_HOURS, keep_copies
from libs.bus.topology import apply_topology
from libs.bus.topology import topology as described_topology
from libs.runtime.secret_files import read_secrets
from libs.runtime.settings import load_settings
from libs.store.migrate import migrate as apply_migrations
from services.cli import options


@click.command()
@options.data_dir
def migrate(data_dir: Path) -> None:
    """Bring the database to the newest schema.

    Nobody waits behind it for more than two seconds: where a table is in use for longer, by a dump, it
    tries again for some minutes. Exit code 1: a server is away, or the table still in use; call it again.
    """
    load_settings()
    revision = apply_migrations(options.postgres_dsn(data_dir), options.echo_progress())
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
@click.option(
    "--keep",
    type=click.IntRange(1, LONGEST_HOURS),
    default=None,
    metavar="HOURS",
    help="Also keep a copy of deliveries and events for so long, for `caudal restore`.",
)
@options.data_dir
@options.as_json
def apply(data_dir: Path, *, retire: bool, keep: int | None, as_json: bool) -> None:
    """Declare exchanges and queues; what is there already stays as it is.

    With --keep two streams as well, bound beside the queues that they copy (deploy/backup.md). They are
    there until somebody deletes them.
    """
    load_settings()
    url = options.amqp_url(data_dir)
    report = asyncio.run(apply_topology(url, retire=retire))
    queues = report.queues
    if keep is not None:
        queues += asyncio.run(keep_copies(url, keep * 3600)).queues
    if as_json:
        click.echo(json.dumps({"exchanges": report.exchanges, "queues": queues}))
        return
    for name in (*report.exchanges, *queues):
        click.echo(f"in place: {name}")


@topology.command()
def show() -> None:
    """Print the topology as JSON."""
    click.echo(json.dumps(described_topology(), indent=2))


@topology.command()
@click.option(
    "--passwords",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=None,
    help="A folder with a file for each service (as it is called), which holds its password.",
)
@click.option("--vhost", default="/", show_default=True, help="The virtual host.")
@click.option("--prefix", default="caudal-", show_default=True, help="Before each user's name.")
@click.option("--json", "as_json", is_flag=True, help="Print the rights alone, for a program.")
def users(passwords: Path | None, vhost: str, prefix: str, *, as_json: bool) -> None:
    """Print one user of the broker for each service, with the least that it needs.

    With --passwords: definitions with a salted hash of each, for `rabbitmqctl import_definitions`
    or the broker's `definitions.import_backend`. Without: calls of `rabbitmqctl`, of which
    `add_user` reads the password from stdin.
    """
    if as_json:
        click.echo(json.dumps(permissions.described(), indent=2))
        return
    if passwords is None:
        for line in permissions.commands(vhost=vhost, prefix=prefix):
            click.echo(line)
        return
    services = [rights.service for rights in permissions.RIGHTS]
    found = read_secrets(passwords, services, "--passwords")
    click.echo(json.dumps(permissions.definitions(found, vhost=vhost, prefix=prefix), indent=2))
