"""`caudal up`: the whole stack in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from libs.runtime.development import DEVELOPMENT_SECRETS
from libs.runtime.logs import configure_logs
from libs.runtime.settings import load_settings
from libs.runtime.signals import stop_event
from services.cli import options
from services.stack.addresses import DATA_DIR, Addresses
from services.stack.stack import Wanted, stack
from services.stack.temporary import temporary_data


@click.command()
@options.as_json
@options.sources
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Port of the ingress; 0 takes a free one. Default: 8080, or a free one if it is taken.",
)
@click.option("--normalizers", type=click.IntRange(1, 32), default=1, show_default=True)
@click.option("--reconcilers", type=click.IntRange(1, 32), default=1, show_default=True)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help=f"Where the data stays.  [default: {DATA_DIR}]",
)
@click.option("--ephemeral", is_flag=True, help="Use a temporary directory, and remove it.")
def up(  # noqa: PLR0913 - options of a command
    *,
    as_json: bool,
    sources: Path | None,
    port: int | None,
    normalizers: int,
    reconcilers: int,
    data_dir: Path | None,
    ephemeral: bool,
) -> None:
    """Start the whole stack in the foreground; Ctrl-C stops it.

    Broker and database: CAUDAL_AMQP_URL and CAUDAL_POSTGRES_DSN (or the same in files, …_FILE)
    where set, else private ones on free loopback ports. With --json, when everything is ready,
    exactly one line on stdout:
    {"ingress_url", "amqp_url", "postgres_dsn", "data_dir"}. Logs go to stderr.
    """
    if ephemeral and data_dir is not None:
        raise click.UsageError("--ephemeral and --data-dir exclude each other")
    settings = load_settings()
    configure_logs("up", settings.log_level, settings.log_format)
    wanted = Wanted(
        data_dir=data_dir or DATA_DIR,
        sources=sources or settings.sources,
        port=port,
        normalizers=normalizers,
        reconcilers=reconcilers,
    )
    asyncio.run(_up(wanted, ephemeral=ephemeral, as_json=as_json))


async def _up(wanted: Wanted, *, ephemeral: bool, as_json: bool) -> None:
    with stop_event() as stop:
        ready = asyncio.Event()
        work = asyncio.create_task(_run(wanted, stop, ready, ephemeral=ephemeral, as_json=as_json))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ready.is_set():
            work.cancel()  # while it is still starting; a stack that runs ends by itself
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def _run(
    wanted: Wanted, stop: asyncio.Event, ready: asyncio.Event, *, ephemeral: bool, as_json: bool
) -> None:
    with _placed(wanted, ephemeral=ephemeral) as placed:
        async with stack(placed, os.environ, lambda line: click.echo(line, err=True)) as found:
            ready.set()
            _announce(found, placed, as_json=as_json)
            await stop.wait()


@contextlib.contextmanager
def _placed(wanted: Wanted, *, ephemeral: bool) -> Iterator[Wanted]:
    if not ephemeral:
        yield wanted
        return
    with temporary_data() as folder:
        yield replace(wanted, data_dir=folder)


def _announce(found: Addresses, wanted: Wanted, *, as_json: bool) -> None:
    if wanted.sources is None:
        click.echo("development sources, with secrets that everybody knows:", err=True)
        for slug, secret in DEVELOPMENT_SECRETS.items():
            click.echo(f"  {found.ingress_url}/webhooks/{slug:<11} {secret}", err=True)
    if as_json:
        click.echo(found.as_line())
        return
    click.echo("ready; Ctrl-C stops it")
    click.echo(f"  ingress   {found.ingress_url}")
    click.echo(f"  broker    {found.amqp_url}")
    click.echo(f"  database  {found.postgres_dsn}")
    click.echo(f"  data      {found.data_dir}")
