"""`caudal sandbox`: the five providers on one's own machine, with their APIs and the truth."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.signals import stop_event
from services.cli import driving, options
from services.cli.driving import check_run_name, ingress_url, tapped
from services.cli.planning import SHARE, count_of, pace_of, plan_options, planned
from services.sandbox.accounts import accounts_of
from services.sandbox.chaos import ApiFaults
from services.sandbox.payu.service import PayUOptions
from services.sandbox.run import Play, Sandbox
from services.sandbox.sources_file import DEFAULT_PORT, sources_text
from services.sandbox.verification import verify_run
from services.simulator import Plan, Progress, credentials_from, tap_of
from services.stack.addresses import recall_sources

_FOLDER: Final = "sandbox"
_PORT: Final = click.IntRange(0, 65535)
Command = Callable[..., Any]


def _share(name: str, means: str) -> Callable[[Command], Command]:
    return click.option(name, type=SHARE, default=0.0, show_default=True, help=means)


@click.group()
def sandbox() -> None:
    """Five providers that live on this machine: webhooks, APIs, and the truth about both."""


@sandbox.command(name="sources")
@click.option("--port", type=_PORT, default=DEFAULT_PORT, show_default=True, help="The sandbox's.")
@click.option(
    "--url",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The ingress, to which PayU's webhooks shall be registered.",
)
def print_sources(port: int, url: str) -> None:
    """Print a sources file for `caudal up --sources` whose APIs are the sandbox's."""
    click.echo(sources_text(f"http://127.0.0.1:{port}", url), nl=False)


@sandbox.command(name="run")
@planned
@click.option(
    "--lives", type=click.IntRange(min=1), default=None, help="How many payments and payouts."
)
@_share("--losses", "Share of the news that is never sent: only asking finds the truth.")
@_share("--truncated", "Share that repeats another webhook without its end.")
@_share("--wrong-type", "Share of the news under a wrong content type.")
@_share("--mojibake", "Share of the news with spoilt accents, or a byte order mark.")
@click.option(
    "--flood", type=click.IntRange(min=0), default=0, help="So many at once, whatever the rate."
)
@_share("--api-errors", "Share of API calls that are answered 500.")
@_share("--api-timeouts", "Share of API calls that are never answered.")
@_share("--api-half", "Share of API calls whose answer breaks off.")
@click.option(
    "--api-slow", type=click.FloatRange(min=0), default=0.0, help="Seconds an answer is late by."
)
@_share("--api-behind", "Share of Clip's queries that come before the payment is shown: 404.")
@_share("--api-expired", "Share of PayU's calls whose token has just run out.")
@click.option(
    "--api-limit",
    type=click.IntRange(min=0),
    default=0,
    help="API calls in a second per provider, beyond which it refuses (Clip: 412); 0 is any.",
)
@click.option(
    "--token-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="How long a token of PayU's is good.",
)
@click.option(
    "--payout-step",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds between the steps of a payout that was requested over the API.",
)
@click.option(
    "--documented-events",
    is_flag=True,
    help="Of such payouts tell only what PayU documents an event for: success it never tells.",
)
@click.option("--port", type=_PORT, default=DEFAULT_PORT, show_default=True, help="Of the APIs.")
@click.option("--exit-when-sent", is_flag=True, help="End after the last webhook.")
@options.sources
@options.data_dir
@options.as_json
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Where the answers are kept; by default a new file in --data-dir, to verify the newest.",
)
def run(*, data_dir: Path, as_json: bool, **told: Any) -> None:  # noqa: ANN401 - options of a command
    """Play the five providers: post their webhooks, and answer their APIs until Ctrl-C.

    Exit codes: 0 every webhook was answered; 1 some were given up, or it could not run; 2 bad usage
    or configuration.
    """
    settings = load_settings()
    configure_logs("sandbox", LogLevel.WARNING, settings.log_format)
    check_run_name(told["run_name"])
    credentials = credentials_from(told["sources"] or settings.sources or recall_sources(data_dir))
    flood = (told["flood"] and _before_flood(told), told["flood"])
    plan = Plan(
        plan_options(
            told, credentials, count=count_of(told, "lives"), born=told["lives"],
            losses=told["losses"], truncated=told["truncated"], wrong_type=told["wrong_type"],
            mojibake=told["mojibake"],
        )
    )  # fmt: skip
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{plan.options.run}.jsonl"
    ledger: Path = told["ledger"] or data_dir / _FOLDER / name
    play = Play(
        plan=plan, pace=pace_of(told, flood), faults=_faults(told),
        payu=PayUOptions(
            step=told["payout_step"], token_seconds=told["token_seconds"],
            documented_only=told["documented_events"],
        ),
        url=ingress_url(data_dir, told["url"]), credentials=credentials,
        accounts=accounts_of(credentials.sources.values()), ledger=ledger,
        tap=tap_of(plan.options), port=told["port"], stays=not told["exit_when_sent"],
    )  # fmt: skip
    played = Sandbox(play)
    progress = asyncio.run(_run(played, play.tap, options.amqp_url(data_dir)))
    if as_json:
        click.echo(json.dumps(played.status() | {"ledger": str(ledger)}))
    else:
        click.echo(f"{played.line()}; {progress.ended} after {progress.seconds:.1f} s")
        click.echo(f"caudal sandbox verify --ledger {ledger}")
    if progress.given_up:
        sys.exit(1)


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
    default=60.0,
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
    of_run = ledger or driving.newest(data_dir / _FOLDER)
    house = driving.house_of(data_dir)
    verdict = asyncio.run(verify_run(of_run, house, wait=wait))
    if clean_up:
        driving.clean_up(of_run, house)
    driving.show(verdict, as_json=as_json)


async def _run(played: Sandbox, tap: str, amqp_url: str) -> Progress:
    async with tapped(amqp_url, tap):
        with stop_event() as stop:
            return await played.run(stop, lambda line: click.echo(line, err=True))


def _faults(told: dict[str, Any]) -> ApiFaults:
    return ApiFaults(
        errors=told["api_errors"], timeouts=told["api_timeouts"], half=told["api_half"],
        slow=told["api_slow"], behind=told["api_behind"], expired=told["api_expired"],
        limit=told["api_limit"],
    )  # fmt: skip


def _before_flood(told: dict[str, Any]) -> int:
    """Return the webhook at which the flood comes: when about a third of all is sent."""
    if told["lives"] is not None:
        return int(told["lives"] * 0.8)
    if told["duration"] is not None:
        return int(told["rate"] * told["duration"] / 3)
    return (count_of(told) or 0) // 3
