"""One provider's poller: takes rows whose time has come, and does for each what it needs.

A round holds no transaction while it asks. It asks about a few objects at a time and each whole, and gives
back what it had no time for. Whoever dies in it leaves claims that run out, and what it asked is asked
again. While the breaker is open nothing is taken: the rows stay as they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

import structlog

from libs.api.breaker import BreakerState
from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome as Published
from libs.contracts import webhook_received
from libs.domain.lifecycle import Kind
from libs.providers.asking import Wanted
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import TemporaryError, where
from libs.runtime.metrics import (
    POLL_AGREEMENT,
    POLL_BREAKER,
    POLL_BUDGET,
    POLLS,
    POLLS_UNDER_WAY,
)
from libs.runtime.stage_metrics import POLL_SECONDS
from libs.store.database import Pool
from libs.store.polls import (
    Claimed,
    Looked,
    claim_polls,
    forget_polls,
    note_looked,
    note_tried,
    other_names,
    release_polls,
    release_predecessors,
)
from services.reconciler.polling import lease
from services.reconciler.polling.access import Access, Reach
from services.reconciler.polling.agreement import Agreement, agreement_of
from services.reconciler.polling.need import Action, Row, need
from services.reconciler.polling.question import (
    LIMITED_FOR,
    Outcome,
    Result,
    ask,
    digest_of,
    said_by,
)
from services.reconciler.polling.turn import Turn

MOST: Final = 50  # rows in a round
SECONDS: Final = 4  # of the budget that a round may take, one call for each row
POLL: Final = 15  # seconds between looks when nobody wakes it
AGAIN: Final = 2  # seconds after an answer, in which it is folded

log = structlog.get_logger()


class Poller:
    """`by` names the process in its claims: no other running one may have that name.

    With a `turn` it asks only while that is held; what is under way when it is lost ends, what was
    not begun is given back.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        provider: str,
        pool: Pool,
        publisher: Publishing,
        access: Access,
        *,
        by: str,
        turn: Turn | None = None,
    ) -> None:
        self.provider = provider
        self._pool = pool
        self._publisher = publisher
        self._access = access
        self._line = access.lines[provider]
        self._by = f"{by}/{provider}"
        self._turn = turn
        self._succeeded = turn is None  # what those before us had claimed is given back
        self._woken = asyncio.Event()
        self._rest_until = 0  # of the loop's clock, as the provider asked for
        budget = self._line.budget
        rate = access.rate(provider)
        self.rows = max(1, min(MOST, int(SECONDS * rate)))
        self._lease = lease.lease_of(
            calls=access.calls(provider),
            rate=rate,
            concurrency=budget.concurrency,
            timeout=access.timeout(provider),
        )
        self._slots = asyncio.Semaphore(budget.concurrency)
        self._begins_until: float = 0  # of the clock of this machine
        self._seconds = POLL_SECONDS.labels(provider)
        for outcome in Outcome:
            POLLS.labels(provider, outcome)  # from 0, so that the first shows
        for agreement in Agreement:
            POLL_AGREEMENT.labels(provider, agreement)
        POLL_BUDGET.labels(provider).set(budget.concurrency)
        # Asked when it is told: between rounds, when the rest is set, nothing is under way.
        POLLS_UNDER_WAY.labels(provider).set_function(lambda: budget.under_way)

    def wake(self) -> None:
        """Say that there may be something to do: somebody was poked, or it is our turn."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until stopped; questions that are under way then are given up."""
        stopping = asyncio.create_task(stop.wait())
        try:
            turn = self._turn
            async with nullcontext() if turn is None else turn.kept(self.wake, self._knocks):
                await self._rounds(stop, stopping)
        except TemporaryError as error:
            log.warning("claims_not_released", provider=self.provider, error=str(error))
        finally:
            stopping.cancel()

    async def _rounds(self, stop: asyncio.Event, stopping: asyncio.Task[bool]) -> None:
        while not stop.is_set():
            self._woken.clear()
            if not self._ours:
                self._succeeded = False
                await self._pause(stopping)
                continue
            working = asyncio.create_task(self._safely())
            try:
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:  # also where we are cancelled ourselves
                ended = working.done()
                working.cancel()
            if not ended:
                await asyncio.wait({working})
                await release_polls(self._pool, self._by)
            elif working.result() < self.rows:
                await self._pause(stopping)

    def _knocks(self) -> bool:
        """Whether we may ask at all; what fails from here may be answered where another asks."""
        return self._line.breaker.state is not BreakerState.OPEN

    @property
    def _ours(self) -> bool:
        return self._turn is None or self._turn.held

    async def _safely(self) -> int:
        try:
            return await self.once()
        except TemporaryError as error:
            log.warning("poller_waits", provider=self.provider, error=str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one poller stops no other
            log.error("poller_failed", provider=self.provider, at=where(error))  # noqa: TRY400
        return 0

    async def _pause(self, stopping: asyncio.Task[bool]) -> None:
        self._tell()
        now = asyncio.get_running_loop().time()
        rest = max(self._rest_until - now, self._line.breaker.opens_in)
        waking = asyncio.create_task(self._woken.wait())
        try:
            # while it rests, a poke wakes nobody
            waits = {stopping} if rest > 0 else {stopping, waking}
            await asyncio.wait(waits, timeout=max(rest, POLL), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()

    def _tell(self) -> None:
        for state in BreakerState:
            POLL_BREAKER.labels(self.provider, state).set(self._line.breaker.state is state)

    async def once(self) -> int:
        """Do one round, and return how many rows it looked at."""
        now = asyncio.get_running_loop().time()
        if self._rest_until > now or self._line.breaker.state is BreakerState.OPEN:
            return 0
        if not self._succeeded:
            await release_predecessors(self._pool, self.provider, self._by)
            self._succeeded = True
        self._begins_until = time.monotonic() + lease.BEGUN_WITHIN
        claimed = await claim_polls(
            self._pool, self.provider, self.rows, by=self._by, lease=self._lease
        )
        if not claimed:
            return 0
        settled: list[Claimed] = []
        noted: list[tuple[Claimed, Looked]] = []
        asking: list[tuple[Claimed, Looked, Reach]] = []
        for each in claimed:
            reach = self._reach(each)
            found = self._need(each, reach)
            if found is None or found[0] is Action.SETTLED:
                settled.append(each)
            elif found[0] is Action.ASK and reach is not None:
                asking.append((each, found[1], reach))
            else:
                noted.append((each, found[1]))
        await forget_polls(self._pool, settled)
        await note_looked(self._pool, noted)
        await self._ask_all(asking)
        return len(claimed)

    def _reach(self, claimed: Claimed) -> Reach | None:
        poll = claimed.poll
        reach = self._access.reach(poll.source, poll.provider)
        if reach is None or poll.kind != Kind.PAYMENT:
            return None
        return reach if reach.client.askable(poll.provider_ref) else None

    def _need(self, claimed: Claimed, reach: Reach | None) -> tuple[Action, Looked] | None:
        poll = claimed.poll
        schedule = self._access.schedule(poll.source, poll.provider)
        if schedule is None:
            return None
        row = Row(
            name="/".join(poll.key),
            entered_at=poll.entered_at,
            base_at=poll.base_at,
            seen_at=poll.seen_at,
            poked_at=poll.poked_at,
            asked_at=poll.asked_at,
            tried_at=poll.tried_at,
            failures=poll.failures,
        )
        found = need(
            Kind(poll.kind),
            claimed.object,
            row,
            schedule,
            askable=reach is not None,
            now=claimed.now,
        )
        return found.action, found.looked

    async def _ask_all(self, asking: Sequence[tuple[Claimed, Looked, Reach]]) -> None:
        """Ask side by side, within the budget; each is noted as soon as it is answered."""
        numbers = [each.object_id for each, _, _ in asking if each.object_id is not None]
        names = await other_names(self._pool, numbers)
        async with asyncio.TaskGroup() as tasks:
            questions = [
                tasks.create_task(
                    self._ask(claimed, looked, reach, names.get(claimed.object_id or 0, ()))
                )
                for claimed, looked, reach in asking
            ]
        if not all(each.result() for each in questions):
            await release_polls(self._pool, self._by)  # all that were begun are noted

    async def _ask(
        self, claimed: Claimed, looked: Looked, reach: Reach, others: tuple[str, ...]
    ) -> bool:
        """Ask about one object, and note what became of it; False where it was not begun."""
        async with self._slots:
            if not self._ours or time.monotonic() >= self._begins_until:
                return False
            failpoint("poll.claimed")
            with self._seconds.time():
                result = await ask(
                    reach, Wanted(provider_ref=claimed.poll.provider_ref, names=others)
                )
        failpoint("poll.answered")
        digest = None
        if result.outcome is Outcome.ANSWERED:
            result, digest = await self._take(claimed, result)
        elif result.deliveries:
            await self._take(claimed, result)  # a part of it; all of it is asked for again
        failpoint("poll.published")
        POLLS.labels(self.provider, result.outcome).inc()
        after = result.after or (LIMITED_FOR if not result.outcome.answered else AGAIN)
        if result.outcome is Outcome.LIMITED:
            self._rest_until = int(asyncio.get_running_loop().time() + after)
        await note_tried(
            self._pool,
            claimed,
            looked,
            result.outcome,
            answered=result.outcome.answered,
            failed=result.outcome.failed,
            digest=digest,
            again_in=AGAIN if result.outcome.failed else after,
        )
        failpoint("poll.noted")
        return True

    async def _take(self, claimed: Claimed, result: Result) -> tuple[Result, bytes | None]:
        """Bring answers in by the front door, and compare them with what was known."""
        message = webhook_received.encode(result.deliveries)
        if await deliver(self._publisher, message) is not Published.CONFIRMED:
            log.warning("answer_not_confirmed", provider=self.provider)
            return Result(outcome=Outcome.UNPUBLISHED, why="the broker did not take it"), None
        said = said_by(result, self._access.terms(claimed.poll.source))
        known = claimed.object.state if claimed.object else None
        agreement = agreement_of(Kind(claimed.poll.kind), known, said)
        if agreement is not None:
            POLL_AGREEMENT.labels(self.provider, agreement).inc()
        digest = digest_of(result, said)
        if digest == claimed.poll.answer:
            return Result(outcome=Outcome.UNCHANGED, deliveries=result.deliveries), digest
        return result, digest
