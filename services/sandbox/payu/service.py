"""PayU as it lives in the sandbox: its payouts, each with a life of its own, and all that it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp

from services.sandbox.payu.bank_accounts import BankAccounts
from services.sandbox.payu.journal import Journal
from services.sandbox.payu.payout import STATES, Payout
from services.sandbox.payu.posting import Manner, Notifier
from services.sandbox.payu.registrations import Registrations
from services.sandbox.payu.report import Row
from services.sandbox.payu.tokens import LASTS, Tokens
from services.sandbox.payu.transfers import Wanted, request_payouts
from services.sandbox.world import World
from services.simulator.names import Names

_FIRST_NUMBER: Final = 500_000_000  # far from the names of the plan's lives


@dataclass(frozen=True, slots=True, kw_only=True)
class PayUOptions:
    """How PayU behaves. `step` is how many seconds a payout rests in each state, more or less."""

    step: float = 1.0
    token_seconds: float = LASTS
    documented_only: bool = False


@dataclass(slots=True)
class PayU:
    """Everything that PayU keeps, and the payouts under way."""

    options: PayUOptions
    manner: Manner
    world: World
    journal_path: Path
    source: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tokens: Tokens = field(init=False)
    accounts: BankAccounts = field(default_factory=BankAccounts)
    registrations: Registrations = field(init=False)
    payouts: dict[str, Payout] = field(default_factory=dict)
    _notifier: Notifier = field(init=False)
    _journal: Journal = field(init=False)
    _client: aiohttp.ClientSession | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _named: int = 0

    def __post_init__(self) -> None:
        mark = self.manner.options.mark
        self.tokens = Tokens(time.time, self.options.token_seconds)
        self.registrations = Registrations(Random(f"webhooks {mark}"))  # noqa: S311 - repeatable
        self._journal = Journal(self.journal_path)
        self._notifier = Notifier(self.registrations, self._journal, self.manner, self.stop)

    def request(self, transfers: list[Any], now: datetime) -> dict[str, Any]:
        """Make payouts of what can be made, and return PayU's answer."""
        answer, made = request_payouts(transfers, self.accounts, self._name)
        for wanted in made:
            self._begin(wanted, now)
        return answer

    def rows(self) -> Iterator[Row]:
        """Give the rows of the report: payouts of the plan, then those of the API."""
        for ref, transfer in self.world.transfers.items():
            amount = transfer.lived.ends.amount
            if amount is not None and transfer.reached:
                state, base = STATES[transfer.last], self.manner.options.base
                yield Row(ref=ref, state=state, value=amount, description="", created=base)
        for payout in self.payouts.values():
            yield Row(
                ref=payout.id, state=payout.state, value=payout.value,
                description=payout.description or "", created=payout.created,
            )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """Return how far its payouts are, as JSON values."""
        return {
            "payouts": len(self.payouts),
            "under_way": len(self._tasks),
            "tokens": self.tokens.issued,
            "notifications": dict(self._notifier.answers),
        }

    async def ended(self, stop: asyncio.Event) -> None:
        """Wait until nothing more happens to any payout, or until stopped."""
        stopping = asyncio.create_task(stop.wait())
        while self._tasks and not stopping.done():
            await asyncio.wait({*self._tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def close(self) -> None:
        """End in order: what is being posted is left, and the journal is closed."""
        self.stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.manner.timeout)
        for task in self._tasks:
            task.cancel()
        if self._client is not None:
            await self._client.close()
        self._journal.close()

    def _name(self) -> Names:
        self._named += 1
        return Names(self.manner.options.mark, _FIRST_NUMBER + self._named)

    def _begin(self, wanted: Wanted, now: datetime) -> None:
        mark, number = self.manner.options.mark, wanted.names.number
        payout = Payout(
            number=number, names=wanted.names, value=wanted.value,
            description=wanted.description, created=now.astimezone(UTC), account=wanted.account,
            chance=Random(f"payout {mark} {number}"),  # noqa: S311 - repeatable on purpose
        )  # fmt: skip
        self.payouts[payout.id] = payout
        self._journal.payout(number, payout.id, payout.value, self.source)
        task = asyncio.create_task(self._live(payout))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, payout: Payout) -> None:
        while payout.coming and not await self._stopped(payout):
            self._journal.step(payout.number, payout.step())
            await self._notifier.tell(self._session(), payout)
        await self._notifier.end(self._session(), payout)

    async def _stopped(self, payout: Payout) -> bool:
        """Let a payout rest in its state; tell whether the sandbox ended meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.options.step * payout.chance.uniform(0.5, 1.5)):
                await self.stop.wait()
        return self.stop.is_set()

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession()
        return self._client
