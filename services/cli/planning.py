"""The options from which a plan is drawn, and the plan that they make."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final, TypeVar

import click

from libs.runtime.configuration import ConfigurationError
from services.cli.driving import chosen_providers
from services.simulator.credentials import Credentials
from services.simulator.driver import Pace
from services.simulator.plan import Options

Command = TypeVar("Command", bound=Callable[..., Any])

SHARE: Final = click.FloatRange(0, 1)
COUNT: Final = 1000
_OPTIONS: Final = (
    click.option(
        "--seed", type=int, default=1, show_default=True, help="What everything is drawn from."
    ),
    click.option(
        "--run",
        "run_name",
        default=None,
        help="A name for the run; the same seed and name give the same bodies. By default a new one.",
    ),
    click.option(
        "--count",
        type=click.IntRange(min=1),
        default=None,
        help=f"How many webhooks; {COUNT} without --duration.",
    ),
    click.option(
        "--duration",
        type=click.FloatRange(min=0, min_open=True),
        default=None,
        help="Seconds to go on for, instead of a count.",
    ),
    click.option(
        "--rate",
        type=click.FloatRange(min=0),
        default=0.0,
        show_default=True,
        help="Webhooks per second; 0 is as fast as possible.",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(min=1),
        default=32,
        show_default=True,
        help="Requests under way at most.",
    ),
    click.option(
        "--duplicates",
        type=SHARE,
        default=0.1,
        show_default=True,
        help="Share that repeats another webhook.",
    ),
    click.option(
        "--reorder",
        type=SHARE,
        default=0.1,
        show_default=True,
        help="Share that comes out of order, where that is defined.",
    ),
    click.option(
        "--delay",
        type=click.FloatRange(min=0),
        default=0.0,
        show_default=True,
        help="Some webhooks come up to so many seconds late.",
    ),
    click.option(
        "--unknown",
        type=SHARE,
        default=0.01,
        show_default=True,
        help="Share with a status that nobody knows.",
    ),
    click.option(
        "--malformed",
        type=SHARE,
        default=0.01,
        show_default=True,
        help="Share that cannot be translated.",
    ),
    click.option("--providers", default=None, help="Only these, by comma: clip,payu."),
    click.option(
        "--base-time", type=click.DateTime(), default=None, help="When the histories begin (UTC)."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0.1),
        default=10.0,
        show_default=True,
        help="Seconds for one answer.",
    ),
    click.option(
        "--give-up",
        type=click.FloatRange(min=0),
        default=120.0,
        show_default=True,
        help="Seconds after which a webhook that nobody takes is left.",
    ),
    click.option(
        "--url",
        default=None,
        help="The ingress; by default that of the stack that runs on --data-dir.",
    ),
)


def planned(command: Command) -> Command:
    """Give a command every option that a plan and its pace are made of."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def plan_options(told: dict[str, Any], credentials: Credentials, **more: Any) -> Options:  # noqa: ANN401 - fields of Options
    """Make a plan of what was told on the command line, and of `more`."""
    chosen = chosen_providers(told["providers"])
    sources = tuple(
        (source.slug, source.provider)
        for source in credentials.sources.values()
        if source.provider in chosen
    )
    if not sources:
        raise ConfigurationError("sources", "there is no source of these providers")
    base = {} if told["base_time"] is None else {"base": told["base_time"].replace(tzinfo=UTC)}
    return Options(
        seed=told["seed"], run=told["run_name"] or secrets.token_hex(4), sources=sources,
        duplicates=told["duplicates"], reorder=told["reorder"], delay=told["delay"],
        unknown=told["unknown"], malformed=told["malformed"], **base, **more,
    )  # fmt: skip


def count_of(told: dict[str, Any], *others: str) -> int | None:
    """Return how many webhooks there are; None where something else ends the plan."""
    ends = [name for name in ("count", "duration", *others) if told[name] is not None]
    if len(ends) > 1:
        raise click.UsageError(" and ".join(f"--{name}" for name in ends) + " exclude each other")
    count: int | None = told["count"] if ends else COUNT
    return count


def pace_of(told: dict[str, Any], flood: tuple[int, int] = (0, 0)) -> Pace:
    """Return how fast it goes."""
    return Pace(
        rate=told["rate"], concurrency=told["concurrency"], duration=told["duration"],
        timeout=told["timeout"], give_up=told["give_up"], flood=flood,
    )  # fmt: skip
