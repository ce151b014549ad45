"""What a replay carries through the front door, and what is chosen, counted and discarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from libs.bus.publisher import Outcome
from libs.bus.topology import RECEIVED, TO_ARCHIVE
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery, Origin
from libs.contracts.readings import Reading
from libs.domain.lifecycle import Authority
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool
from libs.store.inspect import list_parked
from libs.store.parked import Choice, discard, parked_deliveries, parked_groups
from services.replay import reentry
from services.replay.reentry import await_taken, reenter
from tests.integration.replay.mapping import Mapped, delivered, take, unknown
from tests.integration.store.rooms import fetch
from tests.publishing import PublishingOneByOne
from tests.unit.domain.saying import paid
from tests.unit.reconciler.telling import delivery_id, received

pytestmark = pytest.mark.servers


class Door(PublishingOneByOne):
    """A broker that keeps what it is given, and answers as it is told."""

    ready = True

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.messages: list[tuple[str, bytes]] = []

    async def publish(
        self,
        exchange: str,  # noqa: ARG002 - the signature of the bus
        routing_key: str,
        body: bytes,
        *,
        content_type: str,  # noqa: ARG002
        headers: Mapping[str, str | int] | None = None,  # noqa: ARG002
    ) -> Outcome:
        self.messages.append((routing_key, body))
        return self.answers.pop(0) if self.answers else Outcome.CONFIRMED

    def deliveries(self) -> list[Delivery]:
        return [
            one
            for key, body in self.messages
            if key == RECEIVED
            for one in webhook_received.decode(body)
        ]


class Unreadable(Mapped):
    """Knows nothing, whatever the bytes."""

    def translate(self, *_: object) -> tuple[Reading, ...]:
        return (unknown("odd"),)


ORIGINAL = replace(
    delivered(1, b"\x00odd\xff"),
    headers={"user-agent": "them"},
    content_type="text/plain",
    route_event="checkout",
)


async def sent(pool: Pool, door: Door, choice: Choice | None = None) -> reentry.Reentered:
    kept = await parked_deliveries(pool, choice or Choice())
    return await reenter(pool, door, kept, lambda _: None)


async def test_same_bytes_under_another_identity(pool: Pool) -> None:
    await take(pool, Unreadable(), ORIGINAL)
    door = Door()
    found = await sent(pool, door)
    [replay] = door.deliveries()
    assert replay == replace(
        ORIGINAL, id=replay.id, origin=Origin.REPLAY, replay_of=ORIGINAL.id, traceparent=None
    )
    assert replay.id != ORIGINAL.id
    assert {key for key, _ in door.messages} == {RECEIVED, TO_ARCHIVE}
    assert found.sent == {ORIGINAL.id: (replay.id, ORIGINAL.received_at, ORIGINAL.source)}


async def test_parked_copy_where_the_archive_has_none(pool: Pool) -> None:
    """Who vouched for it is not on the copy: nobody."""
    await take(pool, Unreadable(), ORIGINAL)
    await fetch(pool, "delete from deliveries")
    door = Door()
    assert (await sent(pool, door)).missing == []
    [replay] = door.deliveries()
    assert (replay.body, replay.received_at) == (ORIGINAL.body, ORIGINAL.received_at)
    assert replay.authority is Authority.UNSIGNED


async def test_body_that_is_kept_nowhere(pool: Pool) -> None:
    await take(pool, Unreadable(), ORIGINAL, delivered(2, b"y"))
    await fetch(pool, "delete from deliveries")
    await fetch(pool, "update parked set body = null where delivery_id = $1", ORIGINAL.id)
    door = Door()
    found = await sent(pool, door)
    assert (found.missing, found.done, len(door.deliveries())) == ([ORIGINAL.id], False, 1)


async def test_unconfirmed_is_sent_again_under_the_same_id(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reentry, "FIRST_PAUSE", 0.0)
    await take(pool, Unreadable(), ORIGINAL)
    door = Door(Outcome.CONFIRMED, Outcome.UNKNOWN)
    await sent(pool, door)
    assert len({each.id for each in door.deliveries()}) == 1
    assert len(door.deliveries()) == 2
    with pytest.raises(TemporaryError):
        await sent(pool, Door(*[Outcome.RETURNED] * 100))


async def test_nobody_takes_it_in_time(pool: Pool) -> None:
    await take(pool, Unreadable(), ORIGINAL)
    found = await sent(pool, Door())
    await await_taken(pool, found, 0, lambda _: None)
    assert (found.not_taken, found.done, found.resolved) == ([ORIGINAL.id], False, 0)


async def test_large_bodies_travel_in_several_messages(pool: Pool) -> None:
    bodies = [bytes([65 + n]) * 200_000 for n in range(6)]
    await take(pool, Unreadable(), *(delivered(n, body) for n, body in enumerate(bodies, 1)))
    door = Door()
    await sent(pool, door)
    assert sorted(each.body for each in door.deliveries()) == bodies
    assert [key for key, _ in door.messages].count(RECEIVED) == 3


async def test_groups_are_counted_largest_first(pool: Pool) -> None:
    words = [b"a", b"b", b"b", b"c", b"c", b"c"]
    await take(pool, Mapped(), *(delivered(n, word) for n, word in enumerate(words, 1)))
    groups = await parked_groups(pool, Choice())
    assert [(g.value, g.count, g.sample) for g in groups] == [
        ("c", 3, delivery_id(6)),
        ("b", 2, delivery_id(3)),
        ("a", 1, delivery_id(1)),
    ]
    assert (groups[0].first_seen, groups[0].last_seen) == (received(4), received(6))
    assert [g.value for g in await parked_groups(pool, Choice(value="b"))] == ["b"]
    assert await parked_groups(pool, Choice(value="")) == []
    assert await parked_groups(pool, Choice(source="other")) == []
    chosen = await parked_deliveries(pool, Choice(provider="clip", field="word", value="b"))
    assert [each.delivery_id for each in chosen] == [delivery_id(2), delivery_id(3)]


async def test_discarding_twice_keeps_the_first_reason(pool: Pool) -> None:
    await take(pool, Mapped({b"k": [paid(at=1)]}), delivered(1, b"a"), delivered(2, b"k"))
    assert await discard(pool, Choice(), "first") == 1
    assert await discard(pool, Choice(), "second") == 0
    [kept] = await list_parked(pool, discarded=True)
    assert kept.discard_reason == "first"
    assert await parked_groups(pool, Choice()) == []
    assert [g.count for g in await parked_groups(pool, Choice(discarded=True))] == [1]
    by_id = Choice(delivery_ids=[delivery_id(1)], discarded=None)
    assert len(await parked_deliveries(pool, by_id)) == 1
