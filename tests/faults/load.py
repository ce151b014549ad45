"""The driver at work on a house, and the oracle's verdict about it, as the cases need them.

Where the house asks, the driver is the sandbox: it loses a share of what it has to say, and answers
for all of it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from libs.bus.tap import bind_tap, delete_tap
from libs.bus.topology import EVENTS
from libs.runtime.failures import PermanentError, TemporaryError
from libs.store.overdue import overdue_names
from services.sandbox.accounts import accounts_of
from services.sandbox.chaos import ApiFaults, Chaos
from services.sandbox.run import Play, Sandbox
from services.sandbox.verification import verify_run
from services.simulator.credentials import credentials_from
from services.simulator.driver import Driver, Pace
from services.simulator.ledger import Answers, read_ledger
from services.simulator.oracle import House as OracleHouse
from services.simulator.oracle import verify
from services.simulator.plan import Plan, tap_of
from services.simulator.verdict import Verdict
from tests.faults.case import Case
from tests.faults.house import SOURCES, House
from tests.faults.report import Row

# The share of what a provider that can be asked has to say that it never says.
LOST: Final = 0.05
# What providers do on a normal day, much of it.
USUAL: Final = {
    "duplicates": 0.1,
    "reorder": 0.1,
    "unknown": 0.01,
    "malformed": 0.01,
    "lives": 64,
}
CONCURRENCY: Final = 48
ANSWER_WITHIN: Final = 10.0  # seconds after which the driver gives a request up
EXPECTED: Final = frozenset({"503"})  # beside 2xx and 4xx
SHOWN: Final = 3  # examples of a difference


class Running:
    """One run of the driver."""

    def __init__(self, house: House, case: Case, seed: int, ledger: Path) -> None:
        asks = case.shape.asks
        plan = Plan.from_seed(
            seed, run=case.name, count=None if case.lasting else case.webhooks,
            losses=LOST if asks else 0.0, **USUAL,
        )  # fmt: skip
        pace = Pace(
            rate=case.rate, duration=case.lasting, concurrency=CONCURRENCY, timeout=ANSWER_WITHIN,
            give_up=case.seconds,
        )  # fmt: skip
        self.tap = tap_of(plan.options)
        self._house = house
        self._ledger = ledger
        self._engine = (_sandbox if asks else _driver)(house, plan, pace, ledger)
        self._stop = asyncio.Event()
        self._posting: asyncio.Task[object] | None = None

    @property
    def accepted(self) -> int:
        return self._engine.progress.accepted

    @property
    def posted(self) -> bool:
        return bool(self._engine.progress.ended)

    @property
    def apis(self) -> Chaos:
        assert isinstance(self._engine, Sandbox), "the providers of this house have no APIs"
        return self._engine.chaos

    async def begin(self) -> None:
        await bind_tap(self._house.room.amqp_url, self.tap, EVENTS)
        running = (
            self._engine.run(self._stop, _quietly)
            if isinstance(self._engine, Sandbox)
            else self._engine.run(self._stop)
        )
        self._posting = asyncio.create_task(running, name="driver")

    def stop(self) -> None:
        """Begin nothing more, however long the load was to last."""
        self._stop.set()

    async def end(self, seconds: float) -> None:
        """Wait until everything is posted. Raises AssertionError where that takes too long."""
        assert self._posting is not None
        posting = self._posting

        async def done() -> bool:
            if posting.done():
                posting.result()
            return self.posted

        await self._house.until(done, seconds=seconds, what=f"posted: {self._engine.progress}")

    async def judge(self, row: Row, healed: float, within: float) -> None:
        """Wait for quiet, and write down what the oracle says."""
        house = OracleHouse(amqp_url=self._house.room.amqp_url, postgres_dsn=self._house.room.dsn)
        if isinstance(self._engine, Sandbox):
            verdict = await verify_run(self._ledger, house, wait=within, overdue=overdue_names)
            row.polled = int(verdict.counts["polled"])
        else:
            verdict = await verify(self._ledger, house, wait=within)
        if verdict.clean:
            row.quiet = time.monotonic() - healed
        _count(row, verdict)
        row.problems += _dishonest(await asyncio.to_thread(read_ledger, self._ledger))

    async def close(self) -> None:
        """Stop the driver, and remove its queue."""
        self._stop.set()
        if self._posting is not None:
            await asyncio.wait({self._posting}, timeout=ANSWER_WITHIN)
            self._posting.cancel()
            await asyncio.wait({self._posting})
        with suppress(OSError, TimeoutError, PermanentError, TemporaryError):
            await delete_tap(self._house.room.amqp_url, self.tap)


def _driver(house: House, plan: Plan, pace: Pace, ledger: Path) -> Driver | Sandbox:
    return Driver(
        plan, url=house.ingress_url, credentials=credentials_from(None), ledger=ledger,
        tap=tap_of(plan.options), pace=pace,
    )  # fmt: skip


def _sandbox(house: House, plan: Plan, pace: Pace, ledger: Path) -> Driver | Sandbox:
    credentials = credentials_from(house.home / SOURCES)
    play = Play(
        plan=plan, pace=pace, faults=ApiFaults(), url=house.ingress_url, credentials=credentials,
        accounts=accounts_of(credentials.sources.values()), ledger=ledger,
        tap=tap_of(plan.options), port=house.apis_port,
    )  # fmt: skip
    return Sandbox(play)


def _quietly(_: str) -> None:
    """Tell nobody how far it is."""


def _count(row: Row, verdict: Verdict) -> None:
    counts = verdict.counts
    row.accepted = int(counts["accepted"])
    row.archived = int(counts["archived"])
    row.folded = int(counts["folded"])
    row.emitted = int(counts["emitted"])
    row.parked = int(counts["parked"])
    row.refused_503 = int(counts["refused"])
    row.unknown_answers = int(counts["unknown_answers"])
    row.longest_accept_ms = float(counts["longest_accept_ms"])
    row.longest_answer_ms = float(counts["longest_answer_ms"])
    row.lost = verdict.lost
    row.duplicates_of_effect = verdict.duplicates_of_effect
    if given_up := verdict.counts["dead_letters"]:
        row.problems.append(f"{given_up} messages in the dead letter queue")
    for kind, found in verdict.differences.items():
        row.problems.append(f"{found.total} {kind}: {'; '.join(found.examples[:SHOWN])}")


def _dishonest(answers: Answers) -> list[str]:
    """I8: an answer is 2xx, 4xx or a 503 that says when to come again, and nothing else."""
    found = [
        f"{count} answers {answer}"
        for answer, count in sorted(answers.kinds.items())
        if answer.isdigit() and answer[0] not in "24" and answer not in EXPECTED
    ]
    if answers.bare_refusals:
        found.append(f"{answers.bare_refusals} answers 503 without Retry-After")
    return found
