"""The accept ladder: confirmed, else spooled, else refused; within the deadline whatever hangs."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from libs.bus.publisher import Outcome
from libs.contracts.webhook_received import decode
from libs.runtime.metrics import REGISTRY
from libs.spool import spool as spool_module
from libs.spool.disk import Disk
from libs.spool.spool import Spool
from services.ingress import draining, ladder
from tests.unit.ingress.stand_ins import DEADLINE, Ingress, StandInPublisher, running_ingress, until
from tests.unit.spool.reading import drained

TOKEN = "/webhooks/shop?token=open-sesame"
MARGIN = 0.5  # seconds beside the deadline, for a machine that is busy
FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.CONFIRMED]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(draining, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(spool_module, "PROBE_EVERY", 0.05)
    monkeypatch.setattr(spool_module, "PROBE_SOON", 0.05)


@dataclass
class MoodyBroker:
    """Does what its mood is: an outcome, or None to hang."""

    mood: Outcome | None
    asked: int = 0
    hanging: set[object] = field(default_factory=set)

    async def __call__(self, _message: bytes) -> Outcome:
        self.asked += 1
        if self.mood is None:
            me = object()
            self.hanging.add(me)
            try:
                await asyncio.Event().wait()
            finally:
                self.hanging.discard(me)
        assert self.mood is not None
        return self.mood


class FullDisk:
    """Lets every write fail until it is healed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSPC) -> None:
        self.healed = False
        real = os.pwrite

        def pwrite(descriptor: int, data: bytes, at: int) -> int:
            if self.healed:
                return real(descriptor, data, at)
            raise OSError(number, "broken")

        monkeypatch.setattr(os, "pwrite", pwrite)


async def timed_post(ingress: Ingress, body: bytes = b"{}") -> int:
    """Post, and check that the answer came within the deadline."""
    clock = asyncio.get_running_loop().time
    began = clock()
    status, _ = await ingress.post(TOKEN, body)
    assert clock() - began < DEADLINE + MARGIN
    return status


def bodies(messages: list[bytes]) -> list[bytes]:
    return [one.body for message in messages for one in decode(message)]


def level_told() -> list[str]:
    return [
        level.value
        for level in ladder.Level
        if REGISTRY.get_sample_value("caudal_ingress_accept_level", {"level": level.value})
    ]


@pytest.fixture
async def hanging(tmp_path: Path) -> AsyncIterator[tuple[Ingress, MoodyBroker]]:
    broker = MoodyBroker(None)
    publisher = StandInPublisher(behave=broker)
    async with running_ingress(publisher=publisher, spool_dir=tmp_path / "spool") as ingress:
        yield ingress, broker


async def test_hanging_publish_goes_to_the_spool(
    hanging: tuple[Ingress, MoodyBroker],
) -> None:
    ingress, broker = hanging
    assert await timed_post(ingress, b"first") == 200
    assert await ingress.ready() == (200, "spooling")
    assert level_told() == ["spooling"]
    clock = asyncio.get_running_loop().time
    began = clock()
    for n in range(10):  # what comes next waits for nobody
        assert await timed_post(ingress, b"%d" % n) == 200
    assert clock() - began < 6 * DEADLINE
    broker.mood = Outcome.CONFIRMED
    await until(lambda: len(ingress.publisher.messages) == 11)
    assert bodies(ingress.publisher.messages) == [b"first", *(b"%d" % n for n in range(10))]
    assert ingress.publisher.archived[-11:] == ingress.publisher.messages
    await until(lambda: level_told() == ["confirmed"])
    assert await ingress.ready() == (200, "confirmed")


@pytest.mark.parametrize("outcome", FAILURES)
async def test_every_failure_is_spooled_until_a_confirm(tmp_path: Path, outcome: Outcome) -> None:
    broker = MoodyBroker(outcome)
    publisher = StandInPublisher(behave=broker)
    async with running_ingress(publisher=publisher, spool_dir=tmp_path / "spool") as ingress:
        assert [await timed_post(ingress, b"%d" % n) for n in range(3)] == [200] * 3
        assert publisher.messages == []
        assert await ingress.ready() == (200, "spooling")
        broker.mood = Outcome.CONFIRMED
        await until(lambda: len(publisher.messages) == 3)
        assert await timed_post(ingress, b"live") == 200
        assert bodies(publisher.messages) == [b"0", b"1", b"2", b"live"]


async def test_only_one_queue_is_not_confirmed(tmp_path: Path) -> None:
    """The archive's queue is missing: the delivery waits in the spool all the same."""
    publisher = StandInPublisher()
    publisher.archive = Outcome.RETURNED
    async with running_ingress(publisher=publisher, spool_dir=tmp_path / "spool") as ingress:
        assert await timed_post(ingress) == 200
        assert await ingress.ready() == (200, "spooling")
        publisher.archive = Outcome.CONFIRMED
        await until(lambda: bool(publisher.archived))


async def test_broker_away_is_not_even_asked(tmp_path: Path) -> None:
    broker = MoodyBroker(Outcome.REFUSED)
    publisher = StandInPublisher(ready=False, behave=broker)
    async with running_ingress(publisher=publisher, spool_dir=tmp_path / "spool") as ingress:
        assert await ingress.ready() == (200, "spooling")
        assert [await timed_post(ingress) for _ in range(20)] == [200] * 20
        assert broker.asked <= 1  # neither by the drain nor by what is live
        broker.mood, publisher.ready = Outcome.CONFIRMED, True
        await until(lambda: len(publisher.deliveries) == 20)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
async def test_no_rung_left_refuses(
    hanging: tuple[Ingress, MoodyBroker], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    ingress, broker = hanging
    disk = FullDisk(monkeypatch, number)
    await until(lambda: level_told() == ["confirmed"])
    assert [await timed_post(ingress) for _ in range(2)] == [503] * 2
    assert await ingress.ready() == (503, "refusing")
    assert level_told() == ["refusing"]
    disk.healed = True
    await until(lambda: level_told() == ["spooling"])  # without any traffic
    assert await timed_post(ingress, b"spooled") == 200
    broker.mood = Outcome.CONFIRMED
    await until(lambda: bodies(ingress.publisher.messages) == [b"spooled"])


async def test_refusal_tells_when_to_come_again(
    hanging: tuple[Ingress, MoodyBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingress, _ = hanging
    FullDisk(monkeypatch)
    async with ingress.http.post(ingress.url + TOKEN, data=b"{}") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_full_disk_with_a_healthy_broker_matters_not(
    ingress: Ingress, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(monkeypatch)
    assert await timed_post(ingress) == 200
    assert await ingress.ready() == (200, "confirmed")


async def test_stalled_disk_keeps_the_deadline(
    hanging: tuple[Ingress, MoodyBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingress, _ = hanging
    go = threading.Event()
    monkeypatch.setattr(Disk, "commit", lambda *_: go.wait(20))
    try:
        answers = await asyncio.gather(*(timed_post(ingress) for _ in range(5)))
        assert answers == [503] * 5
    finally:
        go.set()


async def test_without_spool_a_healed_broker_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing waits that could be drained, and nobody posts to an ingress not ready."""
    monkeypatch.setattr(ladder, "DOUBT", 0.1)
    (tmp_path / "file").touch()
    broker = MoodyBroker(Outcome.RETURNED)
    publisher = StandInPublisher(behave=broker)
    async with running_ingress(publisher=publisher, spool_dir=tmp_path / "file" / "x") as ingress:
        assert await timed_post(ingress) == 503
        assert await ingress.ready() == (503, "refusing")
        broker.mood = Outcome.CONFIRMED
        await until(lambda: level_told() == ["confirmed"])
        assert await timed_post(ingress) == 200


async def test_spooled_outlives_the_process(tmp_path: Path) -> None:
    publisher = StandInPublisher(ready=False, behave=MoodyBroker(Outcome.REFUSED))
    async with running_ingress(publisher=publisher, spool_dir=tmp_path) as ingress:
        assert [await timed_post(ingress, b"%d" % n) for n in range(3)] == [200] * 3
    again = StandInPublisher()
    async with running_ingress(publisher=again, spool_dir=tmp_path):
        await until(lambda: len(again.messages) == 3)
    assert bodies(again.messages) == [b"0", b"1", b"2"]
    assert drained(tmp_path) == []


async def test_stop_drains_what_it_can(tmp_path: Path) -> None:
    broker = MoodyBroker(Outcome.REFUSED)
    publisher = StandInPublisher(behave=broker)
    async with running_ingress(publisher=publisher, spool_dir=tmp_path) as ingress:
        await asyncio.gather(*(timed_post(ingress, b"%d" % n) for n in range(30)))
        broker.mood = Outcome.CONFIRMED
        await until(lambda: bool(publisher.messages))
    assert sorted(bodies(publisher.messages)) == sorted(b"%d" % n for n in range(30))
    assert drained(tmp_path) == []


async def test_crash_before_removal_drains_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_spool: Spool, _spooled: object) -> None:
        raise RuntimeError

    publisher = StandInPublisher(ready=False, behave=MoodyBroker(Outcome.REFUSED))
    with monkeypatch.context() as patched:
        patched.setattr(Spool, "remove", crash)
        async with running_ingress(publisher=publisher, spool_dir=tmp_path, grace=0) as ingress:
            assert await timed_post(ingress, b"once") == 200
            publisher.behave, publisher.ready = None, True
            await until(lambda: bool(publisher.messages))
    assert bodies([*drained(tmp_path)]) == [b"once"]


async def test_client_that_leaves_leaks_nothing(hanging: tuple[Ingress, MoodyBroker]) -> None:
    ingress, broker = hanging
    before = len(asyncio.all_tasks())
    posts = [asyncio.create_task(ingress.post(TOKEN, b"%d" % n)) for n in range(10)]
    await until(lambda: broker.asked > 0)
    for post in posts:
        post.cancel()
    await asyncio.wait(posts)
    broker.mood = Outcome.CONFIRMED
    await until(lambda: not broker.hanging)
    await until(lambda: level_told() == ["confirmed"])
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_each_level_is_logged_once(tmp_path: Path) -> None:
    broker = MoodyBroker(Outcome.CONFIRMED)
    publisher = StandInPublisher(behave=broker)
    with structlog.testing.capture_logs() as logs:
        async with running_ingress(publisher=publisher, spool_dir=tmp_path) as ingress:
            await timed_post(ingress)
            broker.mood = Outcome.UNKNOWN
            for _ in range(5):
                await timed_post(ingress)
            broker.mood = Outcome.CONFIRMED
            await until(lambda: len(publisher.messages) == 6)
            await until(lambda: level_told() == ["confirmed"])
    told = [line["state"] for line in logs if line["event"] == "accept_level"]
    assert told == ["confirmed", "spooling", "confirmed"]


async def test_answers_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted() -> list[float]:
        return [
            REGISTRY.get_sample_value("caudal_ingress_answers_total", {"outcome": outcome}) or 0
            for outcome in ("confirmed", "spooled", "refused")
        ]

    broker = MoodyBroker(Outcome.CONFIRMED)
    publisher = StandInPublisher(behave=broker)
    before = counted()
    async with running_ingress(publisher=publisher, spool_dir=tmp_path) as ingress:
        await timed_post(ingress)
        broker.mood = Outcome.REFUSED
        for _ in range(2):
            await timed_post(ingress)
        FullDisk(monkeypatch)
        for _ in range(3):
            await timed_post(ingress)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 2, 3]
