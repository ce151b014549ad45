"""The last chapter: five providers in a sandbox, webhooks that are lost, and the truth all the same.

The sandbox answers its APIs from the beginning, since the reconcilers ask from the beginning; its
webhooks begin when they are told to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import click

from libs.bus.tap import bind_tap
from libs.bus.topology import EVENTS
from libs.store.overdue import overdue_names
from services.demo.verification import Check
from services.sandbox.accounts import accounts_of
from services.sandbox.chaos import ApiFaults
from services.sandbox.run import Play, Sandbox
from services.sandbox.verification import verify_run
from services.simulator.credentials import credentials_from
from services.simulator.driver import Pace
from services.simulator.oracle import House
from services.simulator.plan import Plan, tap_of
from services.simulator.verdict import Verdict
from services.stack.addresses import Addresses
from services.stack.keys import keys_of_stack

SEED: Final = 7
LIVES: Final = 40
RATE: Final = 40.0  # webhooks a second
LOST: Final = 0.1
AGAIN: Final = 0.2
SHUFFLED: Final = 0.2
TRUE_WITHIN: Final = 90.0  # seconds after the last webhook


class Providers:
    """The sandbox of one demo: `addresses` are told once the stack is ready."""

    def __init__(self, sources: Path, folder: Path, port: int) -> None:
        self._sources = sources
        self._port = port
        self._ledger = folder / "sandbox" / "demo.jsonl"
        self._begin = asyncio.Event()
        self._stop = asyncio.Event()
        self._sandbox: Sandbox | None = None
        self._tap = ""

    @contextlib.asynccontextmanager
    async def answering(self, addresses: Addresses) -> AsyncIterator[None]:
        """Answer the APIs while inside."""
        credentials = credentials_from(self._sources)
        plan = Plan.from_seed(
            SEED, run="demo", count=None, born=LIVES, losses=LOST, duplicates=AGAIN,
            reorder=SHUFFLED, sources=tuple((s.slug, s.provider) for s in credentials.sources.values()),
        )  # fmt: skip
        self._tap = tap_of(plan.options)
        self._sandbox = Sandbox(
            Play(
                plan=plan, pace=Pace(rate=RATE), faults=ApiFaults(), url=addresses.ingress_url,
                credentials=credentials, accounts=accounts_of(credentials.sources.values()),
                ledger=self._ledger, tap=self._tap, port=self._port,
            )
        )  # fmt: skip
        running = asyncio.create_task(
            self._sandbox.run(self._stop, lambda _: None, begin=self._begin)
        )
        try:
            yield
        finally:
            self._stop.set()
            await running

    async def play(self, addresses: Addresses) -> Check:
        """Post what they have to say, wait until nothing differs, and tell."""
        click.secho("\nFive providers in a sandbox: a tenth of what they say is lost", bold=True)
        await bind_tap(addresses.amqp_url, self._tap, EVENTS)
        self._begin.set()
        assert self._sandbox is not None  # noqa: S101 - the caller is inside of `answering`
        while not (told := self._sandbox.status())["webhooks"]["ended"]:
            await asyncio.sleep(0.1)
        _say_what_was_posted(told["webhooks"])
        house = House(
            amqp_url=addresses.amqp_url,
            postgres_dsn=addresses.postgres_dsn,
            keys=keys_of_stack(Path(addresses.data_dir)),
        )
        verdict = await verify_run(self._ledger, house, wait=TRUE_WITHIN, overdue=overdue_names)
        _say_what_was_asked(self._sandbox.status()["api"], verdict)
        return _check(verdict)


def _say_what_was_posted(told: dict[str, Any]) -> None:
    click.echo(
        f"  POST {told['sent']} webhooks of {LIVES} payments and payouts, some twice, some in another"
        f" order; {told['lost']} never sent"
    )


def _say_what_was_asked(api: dict[str, dict[str, int]], verdict: Verdict) -> None:
    asked = ", ".join(f"{name} {sum(found.values())} times" for name, found in sorted(api.items()))
    click.echo(f"    asked back: {asked}")
    click.echo(
        f"    {verdict.counts['polled']} objects were asked for, {verdict.counts['overdue']} wait for a"
        f" person, of {verdict.counts['unheard']} nobody was told"
    )


def _check(verdict: Verdict) -> Check:
    wrong = [
        f"{kind}: {example}"
        for kind, difference in verdict.as_json()["differences"].items()
        for example in difference["examples"]
    ]
    return Check(
        "what can be asked for stands as its provider has it, and the rest is listed as overdue",
        tuple(wrong),
    )
