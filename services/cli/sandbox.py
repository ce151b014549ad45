"""`caudal sandbox`: the five providers on one's own machine, with their APIs and the truth."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from libs.store.overdue import overdue_names
from services.cli import driving, options
from services.cli.sandbox_run import FOLDER, PORT, run
from services.sandbox.sources_file import DEFAULT_PORT, sources_text
from services.sandbox.verification import verify_run


@click.group()
def sandbox() -> None:
    """Five providers that live on this machine: webhooks, APIs, and the truth about both.

    `sources` prints a sources file for `caudal up`, `run` plays the providers, `verify` compares
    what became of it with the truth.

    Webhooks go to the ingress as if every provider had been told its URL long ago; payouts that are
    requested over PayU's API are told of at the callback URLs that are registered there.

    \b
    How far to trust the wire formats:
      Clip        the webhook's full and short body and the checkout's query are documented; which
                  ids a refund is found by is not: any of them finds it
      Mobbex      webhook and query are documented; bodies of expiries and of reversals, and the
                  list's answer, follow code that uses them
      Safe2Pay    webhook documented; the queries are known from code that uses them
      PayU        the API is documented with examples, its errors are not. PayU's notifications
                  rest on a table of fields: content type, spelling, the event of each step and
                  whether success is told at all are guesses (--documented-events leaves out the
                  latter). The report's columns are guesses too
      Conectados  one event is documented with its body; six of Conectados' seven events are known
                  by their titles alone, and it has no query
    """  # noqa: D301 - click knows a paragraph of fixed lines by that sign


@sandbox.command(name="sources")
@click.option("--port", type=PORT, default=DEFAULT_PORT, show_default=True, help="The sandbox's.")
@click.option(
    "--url",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The ingress, to which PayU's webhooks shall be registered.",
)
def print_sources(port: int, url: str) -> None:
    """Print a sources file for `caudal up --sources` whose APIs are the sandbox's."""
    click.echo(sources_text(f"http://127.0.0.1:{port}", url), nl=False)


@sandbox.command(name="verify")
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Of the run to judge; by default the newest in --data-dir.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds for everything to come to rest, polls included.",
)
@click.option("--clean-up", is_flag=True, help="Remove the run's queue and its events afterwards.")
@options.data_dir
@options.as_json
def verify(
    *, ledger: Path | None, wait: float, clean_up: bool, data_dir: Path, as_json: bool
) -> None:
    """Compare every object and its events with the truth of a run.

    An object that can be asked for must stand as its provider has it, whatever was lost on the way;
    one that cannot must do so too, or be on the list of the overdue. One of which nobody was told is
    `unheard`, and no difference.

    Exit codes: 0 nothing differs; 1 something does, or it could not be judged; 2 bad usage.
    """
    settings = load_settings()
    configure_logs("sandbox", LogLevel.WARNING, settings.log_format)
    of_run = ledger or driving.newest(data_dir / FOLDER)
    house = driving.house_of(data_dir)
    verdict = asyncio.run(verify_run(of_run, house, wait=wait, overdue=overdue_names))
    if clean_up:
        driving.clean_up(of_run, house)
    driving.show(verdict, as_json=as_json)


sandbox.add_command(run)
