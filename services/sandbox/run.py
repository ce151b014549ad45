"""One run of the sandbox: the webhooks are posted, the APIs answer, until all is sent or for longer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.sandbox.accounts import Accounts
from services.sandbox.apis import clip
from services.sandbox.chaos import ApiFaults, Chaos
from services.sandbox.payu.answers import SLUG as PAYU
from services.sandbox.payu.journal import journal_file
from services.sandbox.payu.posting import Manner
from services.sandbox.payu.routes import Routes
from services.sandbox.payu.service import PayU, PayUOptions
from services.sandbox.queries import Queries
from services.sandbox.server import application, serving
from services.sandbox.world import World
from services.simulator.credentials import Credentials
from services.simulator.driver import Driver, Pace, Progress
from services.simulator.plan import Plan

TELL_EVERY: Final = 1.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What is played, and to whom. `stays` keeps the APIs open after the last webhook."""

    plan: Plan
    pace: Pace
    faults: ApiFaults
    payu: PayUOptions = field(default_factory=PayUOptions)
    url: str
    credentials: Credentials = field(repr=False)
    accounts: Accounts = field(repr=False)
    ledger: Path
    tap: str
    port: int
    stays: bool = True


class Sandbox:
    """Five providers that live as long as `run` does. `chaos.faults` may be changed meanwhile."""

    def __init__(self, play: Play) -> None:
        mark = play.plan.options.mark
        self._play = play
        self._world = World({clip.SLUG: clip.other_names})
        self.chaos = Chaos(play.faults, mark)
        options = play.plan.options
        manner = Manner(options=options, documented_only=play.payu.documented_only)
        self._payu = PayU(
            play.payu, manner, self._world, journal_file(play.ledger),
            next((account.source for account in play.accounts.of(PAYU)), PAYU),
        )  # fmt: skip
        self._driver = Driver(
            play.plan, url=play.url, credentials=play.credentials, ledger=play.ledger,
            tap=play.tap, pace=play.pace, happens=self._world.happens,
        )  # fmt: skip

    @property
    def progress(self) -> Progress:
        """How far the webhooks are."""
        return self._driver.progress

    async def run(
        self,
        stop: asyncio.Event,
        tell: Callable[[str], None],
        *,
        begin: asyncio.Event | None = None,
    ) -> Progress:
        """Play until everything was sent, or until stopped; `tell` gets a line now and then.

        With `begin`, no webhook is posted before it is set. Raises `PermanentError` where the ledger
        exists or the port is taken.
        """
        accounts = self._play.accounts
        queries = Queries(self._world, accounts, self.chaos)
        payu = Routes(self._payu, accounts, self.chaos)
        app = application(self.chaos, (*queries.routes(), *payu.routes()), self.status)
        async with serving(app, self.chaos, self._play.port) as address:
            tell(f"the APIs answer at {address}")
            telling = asyncio.create_task(self._tell(tell))
            try:
                if begin is not None:
                    await _either(begin, stop)
                progress = await self._driver.run(stop)
                if self._play.stays and not stop.is_set():
                    tell(f"{self.line()}; everything is sent, the APIs go on until Ctrl-C")
                    await stop.wait()
                await self._payu.ended(stop)
            finally:
                telling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await telling
                await self._payu.close()
        return progress

    def status(self) -> dict[str, Any]:
        """Return how far everything is, as JSON values."""
        options = self._play.plan.options
        return {
            "run": options.run,
            "seed": options.seed,
            "webhooks": self._driver.progress.as_json(),
            "objects": self._world.count,
            "payu": self._payu.status(),
            "api": {name: dict(found) for name, found in self.chaos.outcomes.items()},
        }

    def line(self) -> str:
        """Say in one line how far everything is."""
        progress = self._driver.progress
        answers = ", ".join(f"{n} x {kind}" for kind, n in sorted(progress.answers.items()))
        asked = ", ".join(
            f"{name} {count}"
            for name, found in sorted(self.chaos.outcomes.items())
            for count in [" ".join(f"{n} x {kind}" for kind, n in sorted(found.items()))]
        )
        return (
            f"{progress.sent} posted ({answers}), {progress.lost} lost, "
            f"{progress.begun - progress.settled} open; asked: {asked or 'nothing'}"
        )

    async def _tell(self, tell: Callable[[str], None]) -> None:
        before = ""
        while True:
            await asyncio.sleep(TELL_EVERY)
            if (line := self.line()) != before:
                tell(before := line)


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waiting = {asyncio.create_task(each.wait()) for each in (first, second)}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
