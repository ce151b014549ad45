"""Options that several commands share, and how a command finds its stack."""

from __future__ import annotations

import asyncio
import os
import pwd
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from libs.embedded.variables import AMQP_URL, POSTGRES_DSN
from libs.runtime.archive_keys import key_ring as told_keys
from libs.runtime.configuration import ConfigurationError
from libs.runtime.key_ring import KeyRing
from libs.runtime.settings import load_settings
from libs.store.acts import Person
from libs.store.database import Pool, open_pool
from services.stack.addresses import DATA_DIR, recall
from services.stack.keys import keys_of_stack

Result = TypeVar("Result")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_DIR,
    show_default=True,
    help="Where `caudal up` keeps its data: names the stack where the variables are not set.",
)
sources = click.option(
    "--sources",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The sources file (TOML); else CAUDAL_SOURCES.",
)

by = click.option(
    "--by", default=None, help="Who you are, for the record; else the machine's user."
)
why = click.option("--why", default="", help="Why, for the record (`caudal audit list`).")


def person(by: str | None) -> Person:
    """Return who it is: as they say, and as which user of the machine they run this."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's number without a name
        user = str(os.getuid())
    return Person((by or "").strip() or user, f"cli:{user}")


def postgres_dsn(folder: Path) -> str:
    """Return the database: `CAUDAL_POSTGRES_DSN`, or that of the stack that runs on `folder`."""
    settings = load_settings()
    if settings.postgres_dsn is not None:
        return settings.required_postgres_dsn()
    return _running(folder, POSTGRES_DSN, "postgres_dsn")


def amqp_url(folder: Path) -> str:
    """Return the broker: `CAUDAL_AMQP_URL`, or that of the stack that runs on `folder`."""
    settings = load_settings()
    if settings.amqp_url is not None:
        return settings.required_amqp_url()
    return _running(folder, AMQP_URL, "amqp_url")


def key_ring(folder: Path) -> KeyRing:
    """Return the keys of the archive: those of the settings, or of the stack that runs on `folder`.

    The stack's own go with its database alone: in another, nobody else could open what they seal.
    """
    stack = recall(folder)
    if stack is None or postgres_dsn(folder) != stack.postgres_dsn:
        return told_keys(load_settings())
    return keys_of_stack(folder)


def _running(folder: Path, variable: str, name: str) -> str:
    addresses = recall(folder)
    if addresses is None:
        raise ConfigurationError(
            variable, f"is not set, and no stack runs on {folder} (`caudal up` starts one)"
        )
    found: str = getattr(addresses, name)
    return found


def reading(folder: Path, ask: Callable[[Pool], Awaitable[Result]]) -> Result:
    """Ask the database one thing."""
    return asyncio.run(asked(folder, ask))


async def asked(folder: Path, ask: Callable[[Pool], Awaitable[Result]]) -> Result:
    """Ask the database one thing, for a command that has more to do than that."""
    async with open_pool(postgres_dsn(folder), size=1, keys=key_ring(folder)) as pool:
        return await ask(pool)


def echo_progress() -> Callable[[str], None]:
    """Return what tells on stderr how far something is, once a second at most."""
    told = 0.0

    def tell(message: str) -> None:
        nonlocal told
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            click.echo(message, err=True)

    return tell
