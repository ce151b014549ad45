"""`caudal roles`: who may do what in the database."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

from libs.runtime.secret_files import read_secret
from libs.runtime.settings import load_settings
from libs.store.roles import WRITES, Role, apply_roles, set_login
from services.cli import options

_ROLES = {"migrate": Role.MIGRATE, "reconciler": Role.RECONCILER, "readonly": Role.READONLY}


@click.group()
def roles() -> None:
    """Roles of the database: migrate, reconciler, readonly.

    CAUDAL_POSTGRES_DSN is an administrator's here: a superuser, or the owner of the database who may
    also make roles.
    """


@roles.command()
@options.data_dir
@options.as_json
def apply(data_dir: Path, *, as_json: bool) -> None:
    """Make the three roles, hand the schema over to the first, and grant the others their part.

    Safe to run again, before and after `caudal migrate`, which ends with the same grants. Nobody
    else gets into the database any more, but its owner and superusers.
    """
    load_settings()
    done = asyncio.run(apply_roles(options.postgres_dsn(data_dir)))
    if as_json:
        click.echo(json.dumps({"owner": done.owner, "statements": done.statements}, indent=2))
        return
    for statement in done.statements:
        click.echo(statement)


@roles.command()
@click.argument("name")
@click.option("--role", type=click.Choice(list(_ROLES)), required=True, help="What it is for.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    required=True,
    help="The file that holds the password; - reads it from stdin.",
)
@options.data_dir
def login(name: str, role: str, password_file: Path, data_dir: Path) -> None:
    """Make the login NAME, or give it another password or role.

    The server gets a verifier of the password, and never sees the password itself.
    """
    load_settings()
    if str(password_file) == "-":
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = read_secret(password_file, "--password-file")
    try:
        asyncio.run(set_login(options.postgres_dsn(data_dir), name, _ROLES[role], password))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--password-file") from None
    click.echo(f"{name} is a login of {_ROLES[role]}")


@roles.command()
def show() -> None:
    """Print as JSON what each role may do."""
    others = "insert, update, delete"
    told = {
        Role.MIGRATE: "owns the schema and everything in it",
        Role.RECONCILER: {"all tables": "select", "others": others, **WRITES},
        Role.READONLY: {"all tables": "select"},
    }
    click.echo(json.dumps(told, indent=2))
