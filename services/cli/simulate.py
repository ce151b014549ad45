"""`caudal simulate`: webhooks as the providers would send them, and whether all came out right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from libs.runtime.logs import configure_logs
from libs.runtime.secret_references import SendersSecrets
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.signals import stop_event
from services.cli import options
from services.cli.driving import (
    check_run_name,
    clean_up,
    house_of,
    ingress_url,
    newest,
    show,
    tapped,
)
from services.cli.planning import count_of, pace_of, plan_options, planned
from services.simulator.credentials import credentials_from
from services.simulator.driver import Driver, Progress
from services.simulator.oracle import verify
from services.simulator.plan import Plan, tap_of

_FOLDER: Final = "simulate"


@click.command()
@click.option("--verify", "verifies", is_flag=True, help="Judge an earlier run; post nothing.")
@planned
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Where the answers are kept; by default a new file in --data-dir, to verify the newest.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="With --verify: seconds for everything to come to rest.",
)
@click.option(
    "--clean-up",
    is_flag=True,
    help="With --verify: remove the run's queue and its events afterwards.",
)
@options.sources
@options.data_dir
@options.as_json
def simulate(*, verifies: bool, data_dir: Path, as_json: bool, **told: Any) -> None:  # noqa: ANN401 - options of a command
    """Post webhook lifecycles of the providers, and verify what became of them.

    Everything is drawn from a seed. Every answer is kept in a ledger; `--verify` compares it with
    the archive, the objects and the events.

    Exit codes: 0 every webhook was answered, or with --verify nothing differs; 1 some were given
    up, or with --verify something differs; 2 bad usage or configuration.
    """
    settings = load_settings()
    configure_logs("simulate", LogLevel.WARNING, settings.log_format)
    check_run_name(told["run_name"])
    if verifies:
        _verify(data_dir, told, as_json=as_json)
    else:
        _post(data_dir, told, as_json=as_json)


def _post(data_dir: Path, told: dict[str, Any], *, as_json: bool) -> None:
    credentials = credentials_from(
        told["sources"] or load_settings().sources, reader=SendersSecrets
    )
    plan = Plan(plan_options(told, credentials, count=count_of(told)))
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{plan.options.run}.jsonl"
    ledger: Path = told["ledger"] or data_dir / _FOLDER / name
    tap = tap_of(plan.options)
    driver = Driver(
        plan, url=ingress_url(data_dir, told["url"]), credentials=credentials, ledger=ledger,
        tap=tap, pace=pace_of(told),
    )  # fmt: skip
    progress = asyncio.run(_drive(driver, options.amqp_url(data_dir), tap, plan.options.count))
    shown = progress.as_json() | {"run": plan.options.run, "seed": plan.options.seed}
    if as_json:
        click.echo(json.dumps(shown | {"ledger": str(ledger)}))
    else:
        click.echo(f"{_line(progress)}; {progress.ended} after {progress.seconds:.1f} s")
        click.echo(f"caudal simulate --verify --ledger {ledger}")
    if progress.given_up:
        sys.exit(1)


async def _drive(driver: Driver, amqp_url: str, tap: str, count: int | None) -> Progress:
    async with tapped(amqp_url, tap):
        with stop_event() as stop:
            reporting = asyncio.create_task(_report(driver.progress, count))
            try:
                return await driver.run(stop)
            finally:
                reporting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reporting


async def _report(progress: Progress, count: int | None) -> None:
    while True:
        await asyncio.sleep(1.0)
        of = "" if count is None else f" of {count}"
        click.echo(f"{_line(progress)}{of}", err=True)


def _line(progress: Progress) -> str:
    answers = ", ".join(f"{n} x {kind}" for kind, n in sorted(progress.answers.items()))
    return (
        f"{progress.sent} posted ({answers}), {progress.accepted} accepted, "
        f"{progress.begun - progress.settled} open"
    )


def _verify(data_dir: Path, told: dict[str, Any], *, as_json: bool) -> None:
    ledger = told["ledger"] or newest(data_dir / _FOLDER)
    house = house_of(data_dir)
    verdict = asyncio.run(verify(ledger, house, wait=told["wait"]))
    if told["clean_up"]:
        clean_up(ledger, house)
    show(verdict, as_json=as_json)
