"""One seed from beginning to end: faults under load, healing, quiet, the verdict."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest
import structlog

from libs.bus.topology import EVENTS_QUEUE
from libs.spool import spool
from services.reconciler import apply
from tests.simulated import disk as disks
from tests.simulated.house import House
from tests.simulated.installed import install_broker, install_database
from tests.simulated.loop import SeededLoop
from tests.simulated.nemesis import Nemesis
from tests.simulated.oracle import Oracle
from tests.simulated.providers import Providers

COUNT: Final = 24  # webhooks of one seed
QUIET_FOR: Final = 3  # looks, a second apart
STOPPED_WITHIN: Final = 45.0  # seconds: the grace, and what closing connections may take
QUIET_WITHIN: Final = 1800.0  # seconds after the healing
BURIAL: Final = 50  # awaits in the `finally`s of one coroutine


@dataclass
class Report:
    """What one seed gave."""

    seed: int
    breaches: list[str] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0

    @property
    def digest(self) -> str:
        """The same for the same seed."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


Spoil = Callable[[pytest.MonkeyPatch, House], None]


def simulate(
    seed: int, *, count: int = COUNT, faults: int | None = None, spoil: Spoil | None = None
) -> Report:
    """Run one seed, with as many faults as it draws or as are told.

    `spoil` breaks something before it begins; afterwards it is whole again.
    """
    report = Report(seed)
    loop = SeededLoop(Random(f"loop {seed}"))
    state = random.getstate()
    random.seed(seed)
    try:
        with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs() as logged:
            house = House(seed, loop)
            _install(patch, house)
            loop.set_exception_handler(lambda _, told: house.complaints.append(_untold(told)))
            if spoil is not None:
                spoil(patch, house)
            loop.run_until_complete(
                _run(Providers(seed, house, count), Nemesis(seed, house, faults), house, report)
            )
            report.reached.update(event["event"] for event in logged)
            report.reached.update(house.weather.struck)
            report.reached.update(house.moments)
            report.trace, report.steps, report.seconds = house.trace, loop.steps, loop.time()
            _bury(loop, house)
    finally:
        random.setstate(state)
        loop.close()
    return report


def _untold(told: dict[str, Any]) -> str:
    return f"nobody took an error: {told.get('message')} {told.get('exception')!r}"


def _install(patch: pytest.MonkeyPatch, house: House) -> None:
    """Put the fakes where the client libraries are; everything above is the production code."""
    install_database(patch, house.database)
    install_broker(patch, house.broker)
    patch.setattr(apply, "failpoint", house.failpoint)
    disk, thread = disks.install(house)
    patch.setattr(spool, "Disk", disk)
    patch.setattr(spool, "DiskThread", thread)


async def _run(providers: Providers, nemesis: Nemesis, house: House, report: Report) -> None:
    for role in house.mains:
        house.start(role)
    sending = asyncio.create_task(providers.run())
    await nemesis.rage()
    await asyncio.sleep(4)  # the restarts that are due
    nemesis.heal()
    if not await _quiet(house, sending):
        house.complaints += [f"not quiet: {each}" for each in _restless(house, sending)]
        sending.cancel()
        await asyncio.wait({sending})
    for role in list(house.running):
        if not await house.stop(role, STOPPED_WITHIN):
            house.complaints.append(f"{role} did not stop")
    report.breaches = await Oracle(house, providers).breaches()


async def _quiet(house: House, sending: asyncio.Task[None]) -> bool:
    """Wait until there is nothing left to do; False where that does not come."""
    until, calm = house.loop.time() + QUIET_WITHIN, 0
    while calm < QUIET_FOR:
        if house.loop.time() > until:
            return False
        calm = 0 if any(True for _ in _restless(house, sending)) else calm + 1
        await asyncio.sleep(1)
    return True


def _restless(house: House, sending: asyncio.Task[None]) -> Iterator[str]:
    if not sending.done():
        yield "the providers still send"
    elif sending.exception() is not None:
        raise AssertionError from sending.exception()
    for name, waiting in house.broker.waiting():
        if waiting and name != EVENTS_QUEUE:
            yield f"{waiting} messages in {name}"
    if any(folder.records for folder in house.folders):
        yield "messages in the spool"
    tables = house.database.tables
    if tables["outbox"]:
        yield "events in the outbox"
    if tables["deliveries"].keys() - tables["translations"].keys():
        yield "deliveries without a translation"


def _bury(loop: SeededLoop, house: House) -> None:
    """End every coroutine that is left, which takes it through its `finally`s; nobody watches."""
    loop.set_exception_handler(lambda *_: None)
    processes = [*house.dead, *(running.process for running in house.running.values())]

    async def bury() -> None:
        for process in processes:
            for task in list(process.tasks):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                _end(task.get_coro())

    loop.run_until_complete(bury())


class BuriedError(BaseException):
    """Thrown into what is left; a `finally` that waits gets it once more."""


def _end(work: Any) -> None:  # noqa: ANN401 - a coroutine or a generator
    for _ in range(BURIAL):
        try:
            work.throw(BuriedError())
        except BaseException:  # noqa: BLE001 - whatever a `finally` of the dead has to say
            return
