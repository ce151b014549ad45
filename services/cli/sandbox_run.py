"""`caudal sandbox run`: webhooks out, queries in, until everything is sent or for longer."""

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
from services.cli import options
from services.cli.driving import check_run_name, ingress_url, tapped
from services.cli.planning import SHARE, count_of, pace_of, plan_options, planned
from services.sandbox.accounts import accounts_of
from services.sandbox.chaos import ApiFaults
from services.sandbox.payu.service import PayUOptions
from services.sandbox.run import Play, Sandbox
from services.sandbox.sources_file import DEFAULT_PORT
from services.simulator.credentials import credentials_from
from services.simulator.driver import Progress
from services.simulator.plan import Plan, tap_of
from services.stack.addresses import recall_sources

FOLDER: Final = "sandbox"  # of the data directory: where ledgers are
PORT: Final = click.IntRange(0, 65535)
Command = Callable[..., Any]


def _share(name: str, means: str) -> Callable[[Command], Command]:
    return click.option(name, type=SHARE, default=0.0, show_default=True, help=means)


@click.command()
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
@click.option("--port", type=PORT, default=DEFAULT_PORT, show_default=True, help="Of the APIs.")
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
    ledger: Path = told["ledger"] or data_dir / FOLDER / name
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
