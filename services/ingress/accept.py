"""Durable accept: a delivery is accepted when the message that it left in is safe.

Group commit: while one message is under way, what arrives waits together and leaves as the next.
There is no timer, so nothing waits when there is nothing to wait for, and under load the messages
grow by themselves. When enough has gathered to be worth a message of its own, it leaves beside the
one that is under way: with one at a time, the process was idle for a sixth of the time at full load.
Where a message goes is the ladder's affair. Sources take turns in it: one that floods waits for itself.

What a delivery looks like on the wire is written when its message is put together, all of them in
one go, instead of one in each request with everything of that request in between.

A request waits until its deadline. What was not safe by then is refused, although it may have
arrived: the sender repeats it, and a repetition has no effect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from libs.bus.pace import Pace
from libs.contracts.delivery import Delivery
from libs.contracts.errors import ContractError
from libs.contracts.webhook_received import Packed, join, pack
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import where
from libs.runtime.metrics import INGRESS_ANSWERS
from libs.runtime.stage_metrics import INGRESS_ACCEPT_SECONDS, INGRESS_MESSAGE_DELIVERIES
from services.ingress.ladder import Kept, Ladder, RefusedError
from services.ingress.turns import Turns
from services.ingress.witness import IngressWitness

# Of the deadline, from the arrival of the oldest delivery of a message:
PUBLISH_PART: Final = 0.75  # until then the broker may confirm it
SPOOL_PART: Final = 0.95  # until then it may come to lie on disk; the rest is for the answer

UNDER_WAY: Final = 2  # messages
WORTH_A_MESSAGE: Final = 32  # deliveries
APART: Final = 0.002  # seconds between two messages that are not worth one, see `Pace`

log = structlog.get_logger()

_ANSWERS: Final = {kept: INGRESS_ANSWERS.labels(kept.value) for kept in Kept}


Fate = Kept | RefusedError | ContractError
Settle = Callable[[Fate], None]


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery | None  # None: whoever asked has gone, or was answered
    arrived: float
    settle: Settle
    packed: Packed | None = None
    settled: bool = False

    def answer(self, outcome: Fate) -> bool:
        """Tell whoever waits, once; False where that was done before."""
        if self.settled:
            return False
        self.settled = True
        self.delivery = self.packed = None
        self.settle(outcome)
        return True


class Acceptor:
    """Collects deliveries into messages, of which two at most are under way."""

    def __init__(
        self,
        ladder: Ladder,
        *,
        deadline: float,
        batch_deliveries: int,
        batch_bytes: int,
        witness: IngressWitness | None = None,
    ) -> None:
        self._ladder = ladder
        self._witness = witness
        self._deadline = deadline
        self._batch_deliveries = batch_deliveries
        self._batch_bytes = batch_bytes
        self._waiting: Turns[_Waiting] = Turns()  # a line for each source
        self._unanswered: deque[_Waiting] = deque()  # in order of arrival, so of deadline
        self._alarm: asyncio.TimerHandle | None = None
        # asking for it is a system call each time: a twentieth of its samples at full load
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way = 0  # less than there are tasks while one of them ends
        self._pace = Pace(APART)
        self._pumps: set[asyncio.Task[None]] = set()

    async def accept(self, delivery: Delivery) -> Kept:
        """Return where the delivery is safe; raise `RefusedError` where it may not be.

        Raises `ContractError` for a delivery that cannot be written.
        """
        answer: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        waiting = self.submit(delivery, partial(_resolve, answer))
        try:
            outcome = await answer
        finally:
            waiting.delivery = waiting.packed = None
        if isinstance(outcome, RefusedError):
            raise RefusedError(str(outcome))
        if isinstance(outcome, ContractError):
            raise outcome
        return outcome

    def submit(self, delivery: Delivery, settle: Settle) -> _Waiting:
        """Take a delivery; `settle` is told what became of it, once, within the deadline."""
        failpoint("ingress.received")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        loop = self._loop
        waiting = _Waiting(delivery, loop.time(), settle)
        self._waiting.put(delivery.source, waiting)
        self._unanswered.append(waiting)
        if self._alarm is None:
            self._alarm = loop.call_at(waiting.arrived + self._deadline, self._expire)
        if not self._under_way or (
            self._under_way < UNDER_WAY and self._waiting.waiting >= WORTH_A_MESSAGE
        ):
            self._under_way += 1
            pump = asyncio.create_task(self._keep_all(), name="ingress-accept")
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)
        return waiting

    async def drain(self) -> None:
        """Wait until nothing is under way any more; bounded by the deadline of each message."""
        while self._pumps:
            await asyncio.wait(self._pumps)

    def _expire(self) -> None:
        """Refuse what is past its deadline, and wake up again for the next.

        One timer for all: with one for each request it took 4 µs of every request.
        """
        loop = asyncio.get_running_loop()
        late = loop.time() - self._deadline
        while self._unanswered and self._unanswered[0].arrived <= late:
            waiting = self._unanswered.popleft()
            waiting.answer(RefusedError("deadline"))
        self._alarm = None
        if self._unanswered:
            due = self._unanswered[0].arrived + self._deadline
            self._alarm = loop.call_at(due, self._expire)

    async def _keep_all(self) -> None:
        """Send one message after the other; of two that do so, the last to leave leaves nothing."""
        try:
            if self._waiting.waiting < WORTH_A_MESSAGE:
                await self._pace.turn()
            while batch := self._next_batch():
                await self._keep(batch)
                if self._waiting.waiting < WORTH_A_MESSAGE:
                    if self._under_way > 1:
                        return
                    await self._pace.turn()
        finally:
            self._under_way -= 1

    def _next_batch(self) -> list[_Waiting]:
        """Take what waits, at least one and within the limits; whoever gave up is left out."""
        batch: list[_Waiting] = []
        size = 0
        queue = self._waiting
        while queue.waiting and len(batch) < self._batch_deliveries:
            packed = _packed(queue.first())
            if packed is None:
                queue.take()
                continue
            size += packed.size
            if batch and size > self._batch_bytes:
                break
            batch.append(queue.take())
        return batch

    async def _keep(self, batch: list[_Waiting]) -> None:
        """Keep a batch and answer; that is of no batch any more, since what is held back comes in by it."""
        arrived = min([waiting.arrived for waiting in batch])  # sources take turns
        answer: Kept | RefusedError = RefusedError("bug")
        sending = None if self._witness is None else self._witness.sending(_deliveries(batch))
        try:
            keeping = self._ladder.keep(
                join([waiting.packed for waiting in batch if waiting.packed is not None]),
                publish_until=arrived + PUBLISH_PART * self._deadline,
                spool_until=arrived + SPOOL_PART * self._deadline,
            )
            answer = await (keeping if sending is None else sending.done_by(keeping))
        except RefusedError as refused:
            answer = refused
        except Exception as error:  # noqa: BLE001 - a bug of ours becomes a refusal: safe
            log.error("accept_failed", deliveries=len(batch), at=where(error))  # noqa: TRY400
        finally:
            self._answer(batch, answer)
            INGRESS_ACCEPT_SECONDS.observe(asyncio.get_running_loop().time() - arrived)
            INGRESS_MESSAGE_DELIVERIES.observe(len(batch))
        if sending is not None:
            sending.tell(answer)

    def _answer(self, batch: list[_Waiting], answer: Kept | RefusedError) -> None:
        answered = 0
        for waiting in batch:
            answered += waiting.answer(answer)
        if isinstance(answer, Kept):
            _ANSWERS[answer].inc(answered)
        while self._unanswered and self._unanswered[0].settled:
            self._unanswered.popleft()


def _resolve(answer: asyncio.Future[Fate], outcome: Fate) -> None:
    if not answer.done():
        answer.set_result(outcome)


def _deliveries(batch: list[_Waiting]) -> list[Delivery]:
    return [waiting.delivery for waiting in batch if waiting.delivery is not None]


def _packed(waiting: _Waiting) -> Packed | None:
    """Write one delivery; None where nobody waits for it, or where it cannot be written."""
    if waiting.delivery is None:
        return None
    if waiting.packed is None:
        try:
            waiting.packed = pack(waiting.delivery)
        except ContractError as error:
            waiting.answer(error)
    return waiting.packed
