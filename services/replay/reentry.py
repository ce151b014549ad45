"""Parked deliveries enter once more, as replays with an identity of their own.

They take the way of everything that enters: through the front door, to the normalizer and on. A
delivery that was sent and not confirmed is sent again under the same identity, which is safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import uuid_utils

from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery, Origin
from libs.runtime.failures import TemporaryError
from libs.store.archive import Unopened
from libs.store.database import Pool, session
from libs.store.on_record import batch_on_record
from libs.store.parked import Choice, Kept, ParkedGroup, bodies_of, parked_deliveries, parked_groups

PORTION: Final = 200  # deliveries that are read at a time
MESSAGE_BYTES: Final = 512 * 1024
ATTEMPTS: Final = 6  # to get a message confirmed
FIRST_PAUSE: Final = 0.25  # seconds between them, doubling
POLL: Final = 0.2  # seconds between looks at what has been taken
ASKED_AT_ONCE: Final = 5000

Progress = Callable[[str], None]


@dataclass(slots=True)
class Reentered:
    """What was asked for, and what came of it.

    `missing` are deliveries of which neither the archive nor a parked reading has the body, and
    `unopened` those that have one which cannot be opened with the keys at hand.
    `sent` has (replay's id, time of receipt, source) by the id of the delivery that it repeats.
    """

    asked: int
    sent: dict[str, tuple[str, datetime, str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unopened: list[Unopened] = field(default_factory=list)
    not_taken: list[str] = field(default_factory=list)
    still: list[ParkedGroup] = field(default_factory=list)
    still_parked: int = 0

    @property
    def resolved(self) -> int:
        """Deliveries of which nothing is parked any more."""
        return len(self.sent) - len(self.not_taken) - self.still_parked

    @property
    def done(self) -> bool:
        """Whether everything that was asked for was translated again."""
        return not (self.missing or self.unopened or self.not_taken)


def replay_of(delivery: Delivery) -> Delivery:
    """Return a delivery of its own that repeats this one, with its time, authority and headers."""
    return replace(
        delivery,
        id=str(uuid_utils.uuid7()),
        origin=Origin.REPLAY,
        replay_of=delivery.evidence,
        traceparent=None,
    )


async def reenter(
    pool: Pool, publisher: Publishing, kept: Sequence[Kept], on_progress: Progress
) -> Reentered:
    """Send replays of these deliveries. Raises `TemporaryError` where the broker takes none."""
    found = Reentered(asked=len(kept))
    for start in range(0, len(kept), PORTION):
        some = kept[start : start + PORTION]
        deliveries, unopened = await bodies_of(pool, some)
        found.unopened += unopened.values()
        found.missing += [
            each.delivery_id
            for each in some
            if each.delivery_id not in deliveries and each.delivery_id not in unopened
        ]
        replays = [replay_of(delivery) for delivery in deliveries.values()]
        for message in _messages(replays):
            await _send(publisher, message)
        for replay in replays:
            found.sent[replay.evidence] = (replay.id, replay.received_at, replay.source)
        on_progress(f"{len(found.sent)} of {len(kept)} sent")
    return found


async def await_taken(pool: Pool, found: Reentered, within: float, on_progress: Progress) -> None:
    """Wait until it is on record what became of every replay, or for so many seconds."""
    waiting = {replay: (replay, at, source) for replay, at, source in found.sent.values()}
    clock = asyncio.get_running_loop().time
    end = clock() + within
    while waiting:
        asked, taken = list(waiting.values()), set[str]()
        async with session(pool) as connection:
            for start in range(0, len(asked), ASKED_AT_ONCE):
                some = asked[start : start + ASKED_AT_ONCE]
                taken |= (await batch_on_record(connection, some, (), (), most=0)).told
        for replay in taken:
            del waiting[replay]
        if taken:
            on_progress(f"{len(found.sent) - len(waiting)} of {len(found.sent)} translated again")
        elif clock() > end:
            break
        else:
            await asyncio.sleep(POLL)
    found.not_taken = sorted(old for old, (replay, *_) in found.sent.items() if replay in waiting)
    await _see_what_is_left(pool, found)


async def _see_what_is_left(pool: Pool, found: Reentered) -> None:
    taken = sorted(found.sent.keys() - set(found.not_taken))
    left = Choice(delivery_ids=taken, discarded=None)
    found.still = await parked_groups(pool, left)
    found.still_parked = len(await parked_deliveries(pool, left))


def _messages(replays: Sequence[Delivery]) -> list[bytes]:
    packed = [webhook_received.pack(replay) for replay in replays]
    portions: list[list[webhook_received.Packed]] = []
    room = 0
    for one in packed:
        if one.size > room or not portions:
            portions.append([])
            room = MESSAGE_BYTES
        portions[-1].append(one)
        room -= one.size
    return [webhook_received.join(portion) for portion in portions]


async def _send(publisher: Publishing, message: bytes) -> None:
    pause = FIRST_PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        outcome = await deliver(publisher, message)
        if outcome is Outcome.CONFIRMED:
            return
        if attempt < ATTEMPTS:
            await asyncio.sleep(pause)
            pause *= 2
    raise TemporaryError(f"the broker did not confirm the replays: {outcome}")
