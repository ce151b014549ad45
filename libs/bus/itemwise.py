"""Messages in, items done: what fails is tried again later by itself, and given up in the end.

    messages ─► items ─► do ─┬─ done
                             ├─ server away ─────► all of it is held and tried again (TemporaryError),
                             │                     and so it is where memory is short
                             ├─ too much fails ──► the same, loudly (`brake`)
                             └─ fails by itself ─► alone to a delay queue, and back … ─► give up

Only when every item is done, confirmed in a delay queue or given up does `handle` return, and only
then is the batch acknowledged. A crash before that repeats the batch: what `do` did may be done
again, and what was set back may come back twice.

Items that have failed before are done apart from new ones, so that they hold up nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final, Generic, Self

import structlog

from libs.bus.attempts import Tried, set_back, tried
from libs.bus.brake import Brake, BrakeEngagedError
from libs.bus.dead_letters import bury
from libs.bus.isolation import Failed, Item
from libs.bus.message import Message
from libs.bus.publisher import Publisher
from libs.bus.standing import standing_of
from libs.bus.traced import processing
from libs.contracts.errors import ContractError
from libs.domain.frozen import unguarded
from libs.runtime.failures import (
    ContentionError,
    TemporaryError,
    reason_of,
    short_of_memory,
    where,
)
from libs.runtime.metrics import ITEMS
from libs.runtime.settings import Settings
from libs.runtime.stage_metrics import CONSUMER_BATCH_ITEMS
from libs.runtime.tracing.port import Traces

BUG: Final = "a bug: the log says where"
_UNTRIED: Final = Tried()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Codec(Generic[Item]):
    """How the items of a queue travel. `decode` raises `ContractError`.

    `received_at` says when an item came to us; None for one that says nothing of how late we are.
    """

    content_type: str
    decode: Callable[[bytes], Sequence[Item]]
    encode: Callable[[Item], bytes]
    received_at: Callable[[Item], datetime | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class GivenUp(Generic[Item]):
    """An item after its last attempt. `reason` may be shown: it quotes nothing."""

    item: Item
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Work(Generic[Item]):
    """What is done with the items of a queue.

    `do` does what can be done and returns what fails by itself; `give_up` puts an item aside for
    good. Both raise `TemporaryError` where a server is away.
    """

    do: Callable[[Sequence[Item]], Awaitable[Sequence[Failed[Item]]]]
    give_up: Callable[[GivenUp[Item]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may fail; the settings of these names say what each means."""

    max_attempts: int = 5
    brake_share: float = 0.5
    brake_minimum: int = 20

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take them from the settings."""
        return cls(settings.max_attempts, settings.brake_share, settings.brake_minimum)


@unguarded
@dataclass(frozen=True, slots=True)
class _Piece(Generic[Item]):
    """An item with the message that it came in."""

    item: Item
    message: Message
    so_far: Tried


class Itemwise(Generic[Item]):
    """A handler for a consumer of `queue`; never raises anything but `TemporaryError`."""

    def __init__(  # noqa: PLR0913 - what it connects, each told by name
        self,
        queue: str,
        *,
        service: str,
        codec: Codec[Item],
        work: Work[Item],
        publisher: Publisher,
        limits: Limits,
        traces: Traces | None = None,
    ) -> None:
        self._queue = queue
        self._traces = traces
        self._codec = codec
        self._work = work
        self._publisher = publisher
        self._max_attempts = limits.max_attempts
        self._brake = Brake(service, queue, share=limits.brake_share, minimum=limits.brake_minimum)
        self._standing = standing_of(queue)
        self._sizes = CONSUMER_BATCH_ITEMS.labels(queue)
        for outcome in ("done", "set_back", "contended", "given_up", "buried"):
            ITEMS.labels(queue=queue, outcome=outcome)  # from 0, so that the first shows

    async def handle(self, messages: Sequence[Message]) -> None:
        """Do a batch."""
        pieces, unreadable = self._read(messages)
        new = [piece for piece in pieces if piece.so_far == _UNTRIED]
        old = [piece for piece in pieces if piece.so_far != _UNTRIED]
        self._standing.took(self._first_received(new))
        failed_new = await self._do(new)
        failed_old = await self._do(old)
        try:
            self._brake.judge(
                new=len(new),
                new_failed=_bugs(failed_new),
                old=len(old),
                old_failed=_bugs(failed_old),
            )
        except BrakeEngagedError:
            self._tell_first((*failed_new, *failed_old))
            raise
        try:
            for message, reason in unreadable:
                await self._bury(message, reason)
            for piece, error in (*failed_new, *failed_old):
                await self._put_aside_or_bury(piece, error)
        except TemporaryError:
            self._brake.take_back()  # the whole batch comes again, and is judged again
            raise
        self._count("done", len(pieces) - len(failed_new) - len(failed_old))
        self._sizes.observe(len(pieces))
        self._standing.did()

    def _first_received(self, new: Sequence[_Piece[Item]]) -> datetime | None:
        """Say when the first of a batch came that counts; those behind it came later, or nearly so."""
        told = (self._codec.received_at(piece.item) for piece in new)
        return next((at for at in told if at is not None), None)

    def _read(
        self, messages: Sequence[Message]
    ) -> tuple[list[_Piece[Item]], list[tuple[Message, str]]]:
        """Return the items, and the messages that cannot be read, with the reason.

        Those are buried when the rest is done: a batch that is held would bury them each time.
        """
        pieces: list[_Piece[Item]] = []
        unreadable: list[tuple[Message, str]] = []
        for message in messages:
            so_far = tried(message)
            try:
                items = self._codec.decode(message.body)
            except MemoryError:
                raise short_of_memory() from None
            except ContractError as error:
                log.error("message_not_readable", queue=self._queue, error=str(error))  # noqa: TRY400
                unreadable.append((message, str(error)))
            except Exception as error:  # noqa: BLE001 - a decoder with a bug buries what it cannot read
                log.error("message_not_decoded", queue=self._queue, at=where(error))  # noqa: TRY400
                unreadable.append((message, BUG))
            else:
                pieces += [_Piece(item, message, so_far) for item in items]
        return pieces, unreadable

    async def _do(self, pieces: Sequence[_Piece[Item]]) -> list[tuple[_Piece[Item], Exception]]:
        if not pieces:
            return []
        items = [piece.item for piece in pieces]
        if self._traces is None:
            failed = await self._work.do(items)
        else:
            with processing(self._traces, self._queue, items, [p.message for p in pieces]):
                failed = await self._work.do(items)
        if not failed:
            return []
        by_item = {id(piece.item): piece for piece in pieces}
        return [(by_item[id(each.item)], each.error) for each in failed]

    def _tell_first(self, failed: Sequence[tuple[_Piece[Item], Exception]]) -> None:
        """Say where a batch fails that is held: nothing of it comes to be put aside, which tells the others."""
        bugs = (each for each in failed if not isinstance(each[1], ContentionError))
        for piece, error in islice(bugs, 1):
            self._tell_failed(piece.so_far.failed + 1, error)

    async def _put_aside_or_bury(self, piece: _Piece[Item], error: Exception) -> None:
        try:
            await self._put_aside(piece, error)
        except TemporaryError:
            raise
        except MemoryError:
            raise short_of_memory() from None
        except Exception as bug:  # noqa: BLE001 - what cannot even be put aside is buried as it came
            log.error("item_not_put_aside", queue=self._queue, at=where(bug))  # noqa: TRY400
            await self._bury(piece.message, BUG)

    async def _put_aside(self, piece: _Piece[Item], error: Exception) -> None:
        if isinstance(error, ContentionError):
            log.info("item_contended", queue=self._queue, error=str(error))
            await self._set_back(piece, replace(piece.so_far, contended=piece.so_far.contended + 1))
            self._count("contended")
            return
        attempts = piece.so_far.failed + 1
        self._tell_failed(attempts, error)
        if attempts < self._max_attempts:
            await self._set_back(piece, Tried(failed=attempts))
            self._count("set_back")
            return
        await self._work.give_up(GivenUp(piece.item, attempts, reason_of(error)))
        self._count("given_up")

    def _tell_failed(self, attempt: int, error: Exception) -> None:
        log.error("item_failed", queue=self._queue, attempt=attempt, at=where(error))

    async def _set_back(self, piece: _Piece[Item], so_far: Tried) -> None:
        await set_back(
            self._publisher,
            self._queue,
            self._codec.encode(piece.item),
            content_type=self._codec.content_type,
            so_far=so_far,
        )

    async def _bury(self, message: Message, reason: str) -> None:
        await bury(
            self._publisher,
            message.body,
            content_type=message.content_type,
            queue=self._queue,
            reason=reason,
        )
        self._count("buried")

    def _count(self, outcome: str, count: int = 1) -> None:
        ITEMS.labels(queue=self._queue, outcome=outcome).inc(count)


def _bugs(failed: Sequence[tuple[object, Exception]]) -> int:
    return sum(not isinstance(error, ContentionError) for _, error in failed)
