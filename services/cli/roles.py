"""`caudal roles`: who may do what in the database."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

from libs.runtime.secret_files import read_secret, read_secrets
from libs.runtime.settings import load_settings
from libs.store.roles import LOGINS, WRITES, Role, apply_roles, set_login
from services.cli import options

_ROLES = {"migrate": Role.MIGRATE, "reconciler": Role.RECONCILER, "readonly": Role.READONLY}


@click.group()
def roles() -> None:
    """Roles of the database: migrate, reconciler, readonly.

    CAUDAL_POSTGRES_DSN is an administrator's here: a superuser, or the owner of the database who may
    also make roles.
    """


@roles.command()
@click.option(
    "--passwords",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=None,
    help=f"A folder with a file for each login ({', '.join(LOGINS)}), which holds its password.",
)
@click.option("--prefix", default="caudal-", show_default=True, help="Before each login's name.")
@options.data_dir
@options.as_json
def apply(passwords: Path | None, prefix: str, data_dir: Path, *, as_json: bool) -> None:
    """Make the three roles, hand the schema over to the first, and grant the others their part.

    Safe to run again, before and after `caudal migrate`, which ends with the same grants. Nobody
    else gets into the database any more, but its owner and superusers. With --passwords: make the
    logins as well, or give those that are there these passwords.
    """
    load_settings()
    dsn = options.postgres_dsn(data_dir)
    words = {} if passwords is None else read_secrets(passwords, LOGINS, "--passwords")
    done = asyncio.run(apply_roles(dsn))
    logins = {f"{prefix}{each}": (LOGINS[each], word) for each, word in words.items()}
    for name, (role, password) in logins.items():
        _set_login(dsn, name, role, password, "--passwords")
    if as_json:
        told = {name: role.value for name, (role, _) in logins.items()}
        click.echo(
            json.dumps(
                {"owner": done.owner, "statements": done.statements, "logins": told}, indent=2
            )
        )
        return
    for statement in done.statements:
        click.echo(statement)
    for name, (role, _) in logins.items():
        click.echo(f"{name} is a login of {role}")


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
    _set_login(options.postgres_dsn(data_dir), name, _ROLES[role], password, "--password-file")
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


def _set_login(dsn: str, name: str, role: Role, password: str, option: str) -> None:
    try:
        asyncio.run(set_login(dsn, name, role, password))
    except ValueError as error:
        raise click.BadParameter(f"{name}: {error}", param_hint=option) from None
