"""What `caudal simulate` and `caudal sandbox` share: where the ingress is, a run's queue, a verdict."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Final

import click

from libs.bus.tap import bind_tap, delete_tap, tap_exists
from libs.bus.topology import EVENTS
from libs.runtime.failures import PermanentError
from libs.runtime.harmless import json_text
from libs.runtime.settings import load_settings
from services.cli import options
from services.simulator.ledger import read_ledger
from services.simulator.oracle import House, events_file
from services.simulator.providers import SIMULATIONS
from services.simulator.verdict import Verdict
from services.stack.addresses import recall

_RUN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
# What a verdict leaves open, by its count.
_OPEN: Final = {
    "unjudged": "objects",
    "unsettled": "webhooks that nobody took",
    "unheard": "objects of which nobody was told",
}


def check_run_name(name: str | None) -> None:
    """Refuse a name that could not be a part of a file's name."""
    if name is not None and not _RUN_NAME.fullmatch(name):
        raise click.BadParameter(
            "up to 40 letters, digits, - and _ (a letter or a digit first)", param_hint="--run"
        )


def chosen_providers(told: str | None) -> Collection[str]:
    """Return the providers that were asked for, by comma; all of them where none was."""
    chosen = SIMULATIONS.keys() if told is None else set(told.split(","))
    if strange := chosen - SIMULATIONS.keys():
        known = ", ".join(sorted(SIMULATIONS))
        raise click.BadParameter(
            f"{', '.join(sorted(strange))}: must be of {known}", param_hint="--providers"
        )
    return chosen


def ingress_url(data_dir: Path, told: str | None) -> str:
    """Return where webhooks go: as told, to the stack that runs, or as configured."""
    if told is not None:
        return told
    addresses = recall(data_dir)
    settings = load_settings()
    if addresses is not None and settings.amqp_url is None:
        return addresses.ingress_url
    if not settings.ingress_port:
        raise click.UsageError("say where the ingress is by --url")
    return f"http://{settings.ingress_host}:{settings.ingress_port}"


@contextlib.asynccontextmanager
async def tapped(amqp_url: str, tap: str) -> AsyncIterator[None]:
    """Have the queue that takes the events of a run; it stays. `PermanentError` for a known run."""
    if await tap_exists(amqp_url, tap):
        raise PermanentError(
            "a run of this seed and name is there already: give another --run, or remove its"
            " queue by verifying it with --clean-up"
        )
    await bind_tap(amqp_url, tap, EVENTS)
    yield


def newest(folder: Path) -> Path:
    """Return the ledger that was written last. Raises `PermanentError` where there is none."""
    ledgers = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    if not ledgers:
        raise PermanentError(f"there is no ledger in {folder}; name one by --ledger")
    return ledgers[-1]


def house_of(data_dir: Path) -> House:
    """Return where an oracle has to look."""
    return House(
        amqp_url=options.amqp_url(data_dir),
        postgres_dsn=options.postgres_dsn(data_dir),
        keys=options.key_ring(data_dir),
    )


def clean_up(ledger: Path, house: House) -> None:
    """Remove the queue of a run, and its events."""
    asyncio.run(delete_tap(house.amqp_url, read_ledger(ledger).header.tap))
    events_file(ledger).unlink(missing_ok=True)


def show(verdict: Verdict, *, as_json: bool) -> None:
    """Print a verdict; end with exit code 1 where it is not clean."""
    if as_json:
        click.echo(json_text(verdict.as_json()))
    else:
        _print(verdict)
    if not verdict.clean:
        sys.exit(1)


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
        f"{verdict.counts[name]} {what}" for name, what in _OPEN.items() if verdict.counts.get(name)
    ]
    return "clean: nothing differs" + (f"; not judged: {', '.join(left)}" if left else "")
