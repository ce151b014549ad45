"""What the commands of `caudal payu` share: the account, the two worlds, errors and exit codes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from libs.api.errors import RefusedError, UnansweredError
from libs.providers.payu.answers import first_message
from libs.providers.payu.findings import NotValidError
from libs.providers.reading import NotReadableError, read_json
from libs.providers.registry import PROVIDERS
from libs.runtime.configuration import ConfigurationError
from libs.runtime.failures import PermanentError, TemporaryError, where
from libs.runtime.harmless import json_text
from libs.runtime.logs import configure_logs
from libs.runtime.secret_references import OwnCredentials
from libs.runtime.settings import LogLevel, Settings, load_settings
from libs.runtime.source_api import Environment
from libs.runtime.sources import Sources, load_sources
from services.cli import options
from services.payouts.attempt import Attempt
from services.payouts.cleaning import cleaned
from services.payouts.connection import Connection, connection_of
from services.stack.addresses import recall_sources

DONE, FAILED, MISUSED, PARTLY, UNKNOWN = range(5)
EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 not done, 2 bad usage, configuration or content, 3 partly done, "
    "4 unknown: it was sent, and may have been done."
)
Result = TypeVar("Result")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

by_source = click.option(
    "--source", "slug", default=None, help="The source (slug); else the only one with an `api`."
)
assume_yes = click.option(
    "--yes", is_flag=True, help="Do not ask before something is changed in production."
)
world = click.option(
    "--sandbox/--production",
    "sandbox",
    default=None,
    help="Which of PayU's worlds; else `environment` of the sources file, else the sandbox. "
    "A `base_url` there stays the address: what contradicts it is refused.",
)


def account(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `opened` takes."""
    for option in (options.as_json, options.data_dir, options.sources, world, by_source):
        command = option(command)
    return command


def known_sources(sources: Path | None, data_dir: Path) -> Sources:
    """Read the sources file: the option's, CAUDAL_SOURCES, or that of the stack that runs."""
    settings = quiet(sources)
    path = settings.sources or recall_sources(data_dir) or settings.required_sources()
    return load_sources(path, PROVIDERS, reader=OwnCredentials)


def quiet(sources: Path | None = None) -> Settings:
    """Read the settings; what libraries tell of their daily life is not for stdout."""
    settings = load_settings(sources=sources)
    configure_logs("payu", LogLevel.ERROR, settings.log_format)
    return settings


def opened(
    slug: str | None, sources: Path | None, data_dir: Path, *, sandbox: bool | None
) -> Connection:
    """Return the account that is meant.

    Raises `ConfigurationError` where the flag contradicts what the address is: it would change no
    more than whether anybody is asked, and not who gets the payouts.
    """
    known = known_sources(sources, data_dir)
    found = connection_of(known, slug, None)
    if sandbox is None:
        return found
    told = Environment.SANDBOX if sandbox else Environment.PRODUCTION
    # On this machine a production that is called so is a tunnel; a sandbox there may play anything.
    fixed = found.api.base_url is not None and (
        not found.api.here or found.environment is Environment.PRODUCTION
    )
    if fixed and found.environment is not told:
        at = f"sources.{found.source.slug}.api"
        raise ConfigurationError(
            f"--{told.value}",
            f"{at}.base_url is an address of the {found.environment.value}, and stays the address; "
            f"to change that, set {at}.environment",
        )
    return connection_of(known, slug, told)


def confirm(of: Connection, what: str, *, yes: bool) -> None:
    """Ask before something is changed in production; who cannot be asked has to say --yes."""
    if of.environment is not Environment.PRODUCTION or yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this is production, and nobody can be asked: say --yes")
    question = f"PRODUCTION, account {of.account.account_id}: {what}. Go on?"
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        click.echo(err=True)
    fail(FAILED, "not confirmed; nothing was sent")


def carried_out(
    work: Coroutine[Any, Any, Result],
    of: Connection | None = None,
    *,
    changes: bool = True,
    attempt: Attempt | None = None,
    as_json: bool = False,
) -> Result:
    """Run something; say what went wrong and end with the exit code that belongs to it.

    `attempt` says of a change whether it was sent before it went wrong: then it is unknown, and
    `as_json` shows so as JSON. Errors of the caller's own come out where nothing was sent.
    """
    told = attempt or Attempt()
    try:
        return asyncio.run(work)
    except NotValidError as error:
        refuse(error)
    except UnansweredError as error:
        _end(UNKNOWN if changes else FAILED, str(error), told, as_json=as_json)
    except RefusedError as error:
        _end(FAILED, ": ".join([str(error), *_said(error, of)]), told, as_json=as_json)
    except KeyboardInterrupt:
        code = UNKNOWN if changes and attempt is None else FAILED
        _end(code, "interrupted", told, as_json=as_json)
    except (TemporaryError, PermanentError) as error:
        if not told.sent:
            raise
        _perhaps_done(str(error), told, as_json=as_json)
    except Exception as error:
        if not told.sent:
            raise
        _perhaps_done(where(error), told, as_json=as_json)


def _end(code: int, why: str, attempt: Attempt, *, as_json: bool) -> NoReturn:
    """End with this code where nothing was sent, or nobody said whether it was."""
    if attempt.sent:
        _perhaps_done(why, attempt, as_json=as_json)
    fail(code, why)


def _perhaps_done(why: str, attempt: Attempt, *, as_json: bool) -> NoReturn:
    """Say that something was sent and nobody knows what became of it, and end."""
    if as_json and not attempt.shown:
        told = {**attempt.about, "why": why, "payment_orders": attempt.orders}
        _echo(json_text(told))
    orders = f"PayU has {', '.join(attempt.orders)}" if attempt.orders else "it may have been done"
    fail(UNKNOWN, f"{why}\ncaudal: it was sent: {orders}")


def _echo(text: str) -> None:
    """Write to stdout where somebody listens; where nobody does, the exit code is to be right."""
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # or the end of the process would fail at it again
        os.close(nowhere)


def refuse(error: NotValidError) -> NoReturn:
    """Tell everything that is wrong with a request, and end."""
    for finding in error.findings:
        click.echo(f"caudal: {finding}", err=True)
    if all(finding.doubt for finding in error.findings):
        click.echo("caudal: --allow-unknown sends it nevertheless", err=True)
    sys.exit(MISUSED)


def fail(code: int, message: str) -> NoReturn:
    """Tell one thing, and end."""
    click.echo(f"caudal: {message}", err=True)
    sys.exit(code)


def _said(error: RefusedError, of: Connection | None) -> tuple[str, ...]:
    try:
        told = read_json(error.body)
    except NotReadableError:
        return ()
    return cleaned(first_message(told), secrets=of.secrets if of else ())
