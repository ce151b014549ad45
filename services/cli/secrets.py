"""`caudal secrets`: the passwords and keys of a deployment, in files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from services.secrets.making import make_secrets
from services.secrets.plan import Place

_PLACE = Place()


@click.group()
def secrets() -> None:
    """Passwords and keys of a deployment, in files that each service sees its own of."""


@secrets.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--given",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=None,
    help="A folder with files of your own (rabbitmq/ingress, senders/clip, …), which win.",
)
@click.option("--broker", default=_PLACE.broker, show_default=True, help="HOST:PORT of RabbitMQ.")
@click.option(
    "--database",
    default=_PLACE.database,
    show_default=True,
    help="HOST:PORT/NAME of the database.",
)
@click.option(
    "--administrator",
    default=_PLACE.administrator,
    show_default=True,
    help="The superuser of the database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
def make(  # noqa: PLR0913 - options of a command
    *,
    folder: Path,
    given: Path | None,
    broker: str,
    database: str,
    administrator: str,
    as_json: bool,
) -> None:
    """Draw what is missing in FOLDER, and write what each service sees; show no value.

    FOLDER/kept has every secret under its name, FOLDER/<service> the files of one service: the
    address of the broker with its own user, and so on. What is there stays, so it is safe to run
    again. Archive keys that others take the place of are kept in kept/archive/keys.before.
    """
    made = make_secrets(folder, given, Place(broker, database, administrator))
    if as_json:
        click.echo(json.dumps(asdict(made), indent=2))
        return
    for what, names in (("drawn", made.drawn), ("taken over", made.taken_over)):
        for name in names:
            click.echo(f"{what}: {name}")
    click.echo(f"{len(made.kept)} kept, {len(made.written)} files written")
