"""Group commit: what waits together leaves together, and what is not confirmed is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.bus.publisher import Outcome
from libs.contracts.delivery import Delivery
from libs.contracts.errors import ContractError
from libs.contracts.webhook_received import decode
from libs.domain.lifecycle import Authority
from services.ingress.accept import WORTH_A_MESSAGE, Acceptor
from services.ingress.ladder import Broker, Kept, Ladder, RefusedError
from tests.unit.ingress.stand_ins import Gate, StandInPublisher, running_ingress, until

TOKEN = "/webhooks/shop?token=open-sesame"


def delivery(body: bytes = b"{}") -> Delivery:
    return Delivery(
        id="01900000-0000-7000-8000-000000000001",
        source="shop",
        provider="plain",
        body=body,
        received_at=datetime(2026, 1, 15, 12, 0, tzinfo=UTC),
        authority=Authority.SECRET,
    )


def acceptor(
    publisher: StandInPublisher,
    deadline: float = 5.0,
    batch_deliveries: int = 100,
    batch_bytes: int = 1_000_000,
) -> Acceptor:
    return Acceptor(
        Ladder(Broker(publisher), None),
        deadline=deadline,
        batch_deliveries=batch_deliveries,
        batch_bytes=batch_bytes,
    )


async def test_waiting_deliveries_leave_together() -> None:
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    accepting = acceptor(publisher)
    first = asyncio.create_task(accepting.accept(delivery(b"first")))
    await until(lambda: gate.arrived == 1)
    others = [asyncio.create_task(accepting.accept(delivery(b"%d" % n))) for n in range(50)]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(first, *others)
    batches = [[one.body for one in decode(message)] for message in publisher.messages]
    assert batches == [[b"first"], [b"%d" % n for n in range(50)]]


async def test_one_that_cannot_be_written_spoils_no_message() -> None:
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    accepting = acceptor(publisher)
    first = asyncio.create_task(accepting.accept(delivery(b"first")))
    await until(lambda: gate.arrived == 1)
    naive = replace(delivery(b"bad"), received_at=datetime(2026, 1, 15, 12, 0))  # noqa: DTZ001
    others = [accepting.accept(one) for one in (delivery(b"a"), naive, delivery(b"b"))]
    gathered = asyncio.gather(first, *others, return_exceptions=True)
    await asyncio.sleep(0)
    gate.open.set()
    kept, a, bad, b = await gathered
    assert (kept, a, b) == (Kept.CONFIRMED,) * 3
    assert isinstance(bad, ContractError)
    batches = [[one.body for one in decode(message)] for message in publisher.messages]
    assert batches == [[b"first"], [b"a", b"b"]]


async def test_enough_leaves_beside_what_is_under_way() -> None:
    gate = Gate()
    accepting = acceptor(StandInPublisher(behave=gate))
    tasks = [asyncio.create_task(accepting.accept(delivery()))]
    await until(lambda: gate.arrived == 1)
    for expected, more in ((1, WORTH_A_MESSAGE - 1), (2, 1), (2, 100)):
        tasks += [asyncio.create_task(accepting.accept(delivery())) for _ in range(more)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert gate.arrived == expected
    gate.open.set()
    await asyncio.gather(*tasks)


async def test_of_two_messages_one_takes_the_rest() -> None:
    gate = Gate()
    accepting = acceptor(StandInPublisher(behave=gate), deadline=60.0)
    tasks = [asyncio.create_task(accepting.accept(delivery()))]
    await until(lambda: gate.arrived == 1)
    tasks += [asyncio.create_task(accepting.accept(delivery())) for _ in range(WORTH_A_MESSAGE)]
    await until(lambda: gate.arrived == 2)
    tasks += [asyncio.create_task(accepting.accept(delivery())) for _ in range(5)]
    await asyncio.sleep(0)
    gate.open.set()  # both are confirmed in the same turn of the loop, and five wait
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)


async def test_lone_delivery_leaves_at_once() -> None:
    publisher = StandInPublisher()
    accepting = acceptor(publisher)
    for _ in range(3):
        await accepting.accept(delivery())
    assert [len(decode(message)) for message in publisher.messages] == [1, 1, 1]


async def test_batches_keep_their_count() -> None:
    publisher = StandInPublisher()
    accepting = acceptor(publisher, batch_deliveries=10)
    await asyncio.gather(*(accepting.accept(delivery()) for _ in range(25)))
    assert [len(decode(message)) for message in publisher.messages] == [10, 10, 5]


async def test_batches_keep_their_size() -> None:
    publisher = StandInPublisher()
    accepting = acceptor(publisher, batch_bytes=8_000)
    sizes = [3000, 3000, 3000, 3000, 50_000, 10]
    await asyncio.gather(*(accepting.accept(delivery(b"x" * size)) for size in sizes))
    batches = [[len(one.body) for one in decode(message)] for message in publisher.messages]
    assert batches == [[3000, 3000], [3000, 3000], [50_000], [10]]


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.CONFIRMED])
async def test_only_confirmed_is_accepted(outcome: Outcome) -> None:
    async def behave(_message: bytes) -> Outcome:
        return outcome

    publisher = StandInPublisher(behave=behave)
    ladder = Ladder(Broker(publisher), None)
    accepting = Acceptor(ladder, deadline=5, batch_deliveries=100, batch_bytes=1_000_000)
    with pytest.raises(RefusedError, match=outcome.value):
        await accepting.accept(delivery())
    assert ladder.level.value == "refusing"
    publisher.behave = None
    await accepting.accept(delivery())
    assert ladder.level.value == "confirmed"


async def test_bug_of_publisher_refuses() -> None:
    async def behave(_message: bytes) -> Outcome:
        raise RuntimeError

    publisher = StandInPublisher(behave=behave)
    accepting = acceptor(publisher)
    with pytest.raises(RefusedError):
        await accepting.accept(delivery())
    publisher.behave = None
    await accepting.accept(delivery())


async def test_hanging_publish_keeps_deadline() -> None:
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    accepting = acceptor(publisher, deadline=0.05)
    clock = asyncio.get_running_loop().time
    began = clock()
    results = await asyncio.gather(
        *(accepting.accept(delivery(b"late")) for _ in range(5)), return_exceptions=True
    )
    assert [str(result) for result in results] == ["unknown"] * 5
    assert clock() - began < 1
    gate.open.set()
    await accepting.accept(delivery(b"next"))
    assert [one.body for one in publisher.deliveries][-1] == b"next"


async def test_given_up_deliveries_stay_behind() -> None:
    """Their senders were told to repeat them: sending both would only add to the jam."""
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    accepting = acceptor(publisher, deadline=0.2)
    under_way = asyncio.create_task(_refused(accepting, b"under way"))
    await until(lambda: gate.arrived == 1)
    await asyncio.gather(under_way, *(_refused(accepting, b"given up") for _ in range(5)))
    gate.open.set()
    await accepting.drain()
    await accepting.accept(delivery(b"next"))
    assert [one.body for one in publisher.deliveries] == [b"next"]
    assert gate.arrived == 2  # the one under way, which nobody heard of any more, and the next


async def _refused(accepting: Acceptor, body: bytes) -> None:
    with pytest.raises(RefusedError):
        await accepting.accept(delivery(body))


async def test_cancelled_request_breaks_nothing() -> None:
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    accepting = acceptor(publisher)
    under_way = asyncio.create_task(accepting.accept(delivery(b"under way")))
    await until(lambda: gate.arrived == 1)
    waiting = [asyncio.create_task(accepting.accept(delivery(b"%d" % n))) for n in range(3)]
    await asyncio.sleep(0)
    under_way.cancel()
    waiting[1].cancel()
    await asyncio.wait({under_way, waiting[1]})
    gate.open.set()
    await asyncio.gather(waiting[0], waiting[2])
    assert [one.body for one in publisher.deliveries] == [b"under way", b"0", b"2"]


async def test_drain_waits_for_all() -> None:
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    accepting = acceptor(publisher)
    accepted = [asyncio.create_task(accepting.accept(delivery())) for _ in range(3)]
    await until(lambda: gate.arrived == 1)
    draining = asyncio.create_task(accepting.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    gate.open.set()
    await draining
    await asyncio.gather(*accepted)
    await accepting.drain()


async def test_unconfirmed_webhook_is_unavailable(tmp_path: Path) -> None:
    """Where the spool cannot be used either: here its folder would have to be in a file."""
    (tmp_path / "file").touch()
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    async with running_ingress(publisher=publisher, spool_dir=tmp_path / "file/spool") as ingress:
        answers = await asyncio.gather(*(ingress.post(TOKEN) for _ in range(5)))
        assert answers == [(503, b'{"error":"try again later"}')] * 5
        assert await ingress.ready() == (503, "refusing")
        gate.open.set()
        assert (await ingress.post(TOKEN))[0] == 200
        assert await ingress.ready() == (200, "confirmed")


async def test_stop_finishes_what_began() -> None:
    gate = Gate()
    publisher = StandInPublisher(behave=gate)
    async with running_ingress(publisher=publisher, publish_deadline=5) as ingress:
        posts = [asyncio.create_task(ingress.post(TOKEN)) for _ in range(3)]
        await until(lambda: gate.arrived == 1)
        asyncio.get_running_loop().call_later(0.05, gate.open.set)
        ingress.stop.set()
        assert await asyncio.gather(*posts) == [(200, b"ok")] * 3


async def test_many_at_once_are_all_kept() -> None:
    async with running_ingress(publish_deadline=10) as ingress:
        bodies = {b'{"n":%d}' % n for n in range(300)}
        answers = await asyncio.gather(*(ingress.post(TOKEN, body) for body in bodies))
        assert {status for status, _ in answers} == {200}
        assert {one.body for one in ingress.publisher.deliveries} == bodies
        assert len({one.id for one in ingress.publisher.deliveries}) == 300
