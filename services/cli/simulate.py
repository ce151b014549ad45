"""`caudal simulate`: webhooks as the providers would send them, and whether all came out right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from libs.bus.tap import bind_tap, delete_tap, tap_exists
from libs.bus.topology import EVENTS
from libs.runtime.configuration import ConfigurationError
from libs.runtime.failures import PermanentError
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.signals import stop_event
from services.cli import options
from services.simulator import (
    Credentials,
    Driver,
    House,
    Options,
    Pace,
    Plan,
    Progress,
    Verdict,
    credentials_from,
    events_file,
    tap_of,
    verify,
)
from services.simulator.ledger import read_ledger
from services.simulator.providers import SIMULATIONS
from services.stack.addresses import recall

_FOLDER: Final = "simulate"
_SHARE: Final = click.FloatRange(0, 1)
_COUNT: Final = 1000
_RUN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
# What a verdict leaves open, by its count.
_OPEN: Final = {"unjudged": "objects", "unsettled": "webhooks that nobody took"}


@click.command()
@click.option("--verify", "verifies", is_flag=True, help="Judge an earlier run; post nothing.")
@click.option(
    "--seed", type=int, default=1, show_default=True, help="What everything is drawn from."
)
@click.option(
    "--run",
    "run_name",
    default=None,
    help="A name for the run; the same seed and name give the same bodies. By default a new one.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=None,
    help=f"How many webhooks; {_COUNT} without --duration.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="Seconds to go on for, instead of a count.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Webhooks per second; 0 is as fast as possible.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Requests under way at most.",
)
@click.option(
    "--duplicates",
    type=_SHARE,
    default=0.1,
    show_default=True,
    help="Share that repeats another webhook.",
)
@click.option(
    "--reorder",
    type=_SHARE,
    default=0.1,
    show_default=True,
    help="Share that comes out of order, where that is defined.",
)
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Some webhooks come up to so many seconds late.",
)
@click.option(
    "--unknown",
    type=_SHARE,
    default=0.01,
    show_default=True,
    help="Share with a status that nobody knows.",
)
@click.option(
    "--malformed",
    type=_SHARE,
    default=0.01,
    show_default=True,
    help="Share that cannot be translated.",
)
@click.option("--providers", default=None, help="Only these, by comma: clip,payu.")
@click.option(
    "--base-time", type=click.DateTime(), default=None, help="When the histories begin (UTC)."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Seconds for one answer.",
)
@click.option(
    "--give-up",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds after which a webhook that nobody takes is left.",
)
@click.option(
    "--url", default=None, help="The ingress; by default that of the stack that runs on --data-dir."
)
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
    if told["run_name"] is not None and not _RUN_NAME.fullmatch(told["run_name"]):
        raise click.BadParameter(
            "up to 40 letters, digits, - and _ (a letter or a digit first)", param_hint="--run"
        )
    if verifies:
        _verify(data_dir, told, as_json=as_json)
    else:
        _post(data_dir, told, as_json=as_json)


def _post(data_dir: Path, told: dict[str, Any], *, as_json: bool) -> None:
    credentials = credentials_from(told["sources"] or load_settings().sources)
    plan = Plan(_options(told, credentials))
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{plan.options.run}.jsonl"
    ledger: Path = told["ledger"] or data_dir / _FOLDER / name
    pace = Pace(
        rate=told["rate"], concurrency=told["concurrency"], duration=told["duration"],
        timeout=told["timeout"], give_up=told["give_up"],
    )  # fmt: skip
    tap = tap_of(plan.options)
    driver = Driver(
        plan, url=_url(data_dir, told["url"]), credentials=credentials, ledger=ledger, tap=tap,
        pace=pace,
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


def _options(told: dict[str, Any], credentials: Credentials) -> Options:
    chosen = None if told["providers"] is None else set(told["providers"].split(","))
    if chosen is not None and (strange := chosen - SIMULATIONS.keys()):
        known = ", ".join(sorted(SIMULATIONS))
        raise click.BadParameter(
            f"{', '.join(sorted(strange))}: must be of {known}", param_hint="--providers"
        )
    sources = tuple(
        (source.slug, source.provider)
        for source in credentials.sources.values()
        if chosen is None or source.provider in chosen
    )
    if not sources:
        raise ConfigurationError("sources", "there is no source of these providers")
    count = told["count"]
    if count is not None and told["duration"] is not None:
        raise click.UsageError("--count and --duration exclude each other")
    if count is None and told["duration"] is None:
        count = _COUNT
    base = {} if told["base_time"] is None else {"base": told["base_time"].replace(tzinfo=UTC)}
    return Options(
        seed=told["seed"], run=told["run_name"] or secrets.token_hex(4), count=count,
        sources=sources, duplicates=told["duplicates"], reorder=told["reorder"],
        delay=told["delay"], unknown=told["unknown"], malformed=told["malformed"], **base,
    )  # fmt: skip


def _url(data_dir: Path, told: str | None) -> str:
    if told is not None:
        return told
    addresses = recall(data_dir)
    settings = load_settings()
    if addresses is not None and settings.amqp_url is None:
        return addresses.ingress_url
    if not settings.ingress_port:
        raise click.UsageError("say where the ingress is by --url")
    return f"http://{settings.ingress_host}:{settings.ingress_port}"


async def _drive(driver: Driver, amqp_url: str, tap: str, count: int | None) -> Progress:
    if await tap_exists(amqp_url, tap):
        raise PermanentError(
            "a run of this seed and name is there already: give another --run, or remove its"
            " queue by --verify --clean-up"
        )
    await bind_tap(amqp_url, tap, EVENTS)
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
    ledger = told["ledger"] or _newest(data_dir / _FOLDER)
    house = House(amqp_url=options.amqp_url(data_dir), postgres_dsn=options.postgres_dsn(data_dir))
    verdict = asyncio.run(verify(ledger, house, wait=told["wait"]))
    if as_json:
        click.echo(json.dumps(verdict.as_json(), ensure_ascii=False, indent=2))
    else:
        _print(verdict)
    if told["clean_up"]:
        asyncio.run(delete_tap(house.amqp_url, read_ledger(ledger).header.tap))
        events_file(ledger).unlink(missing_ok=True)
    if not verdict.clean:
        sys.exit(1)


def _newest(folder: Path) -> Path:
    ledgers = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    if not ledgers:
        raise PermanentError(f"there is no ledger in {folder}; name one by --ledger")
    return ledgers[-1]


def _print(verdict: Verdict) -> None:
    found = verdict.as_json()
    for name in (*verdict.counts, "lost", "duplicates_of_effect"):
        click.echo(f"{name:>22}  {found[name]}")
    for kind, difference in found["differences"].items():
        click.secho(f"{kind}: {difference['total']} ({difference['means']})", fg="red")
        for example in difference["examples"]:
            click.echo(f"    {example}")
    click.echo(_word(verdict))


def _word(verdict: Verdict) -> str:
    """Say in one line what was found, and of how much it is not known."""
    if not verdict.clean:
        return "not clean"
    left = [
        f"{verdict.counts[name]} {what}" for name, what in _OPEN.items() if verdict.counts[name]
    ]
    return "clean: nothing differs" + (f"; not judged: {', '.join(left)}" if left else "")
