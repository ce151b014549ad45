"""The accept ladder: how a message becomes safe, and what is left where the better way fails.

    confirmed   the broker has it, in both queues
    spooling    the broker does not answer; the spool on local disk has it
    refusing    neither: the sender is told to send it again

A publish gets a part of the time only, so that the spool still has the rest. Once the broker has
failed, it is in doubt: what comes goes to the spool at once and waits for nobody. The doubt ends
with a confirm, be it that of the drain, which tries as long as anything waits in the spool.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Final, Protocol

import structlog

from libs.bus.front_door import Publishing, deliver
from libs.bus.publisher import Outcome
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import where
from libs.runtime.metrics import INGRESS_ACCEPT_LEVEL, INGRESS_PUBLISH_FAILURES
from libs.spool.errors import SpoolError

# So long after the last failure a live message is tried again, unless the drain tries before.
DOUBT: Final = 5.0  # seconds

log = structlog.get_logger()


class Level(StrEnum):
    """What would become of a delivery that came now."""

    CONFIRMED = "confirmed"
    SPOOLING = "spooling"
    REFUSING = "refusing"


class Kept(StrEnum):
    """Where a message is safe."""

    CONFIRMED = "confirmed"
    SPOOLED = "spooled"


class RefusedError(Exception):
    """The delivery is not known to be safe. The message says why in a few fixed words."""


class Keeping(Protocol):
    """What is needed of the spool: `libs.spool.spool.Spool`, or a stand-in."""

    @property
    def usable(self) -> bool:
        """Whether a message that came now would be kept."""

    async def append(self, message: bytes) -> None:
        """Return when the message is on disk. Raises `SpoolError`."""


class Broker:
    """The upper rung: publishes, and remembers whether it may be relied upon."""

    def __init__(self, publisher: Publishing) -> None:
        self._publisher = publisher
        self._failed_at: float | None = None
        self._under_way = 0

    @property
    def there(self) -> bool:
        """Whether it would take a message, as far as the connection tells."""
        return self._publisher.ready

    @property
    def doubted(self) -> bool:
        """Whether the last message that it was given was not confirmed."""
        return self._failed_at is not None

    @property
    def doubted_for(self) -> float:
        """Seconds since it failed last; 0 where it is not in doubt, or is being tried now."""
        if self._failed_at is None or self._under_way:
            return 0.0
        return asyncio.get_running_loop().time() - self._failed_at

    async def deliver(self, message: bytes, *, until: float) -> Outcome:
        """Publish, and tell what became of it by `until` (the loop's clock). Raises nothing."""
        outcome = Outcome.UNKNOWN
        self._under_way += 1
        try:
            async with asyncio.timeout_at(until):
                outcome = await deliver(self._publisher, message)
        except TimeoutError:
            pass
        except Exception as error:  # noqa: BLE001 - a bug of the publisher is a failure: safe
            log.error("publish_failed", at=where(error))  # noqa: TRY400
        finally:
            self._under_way -= 1
        self._note(outcome)
        return outcome

    def _note(self, outcome: Outcome) -> None:
        if outcome is Outcome.CONFIRMED:
            if self._failed_at is not None:
                log.info("broker_trusted_again")
            self._failed_at = None
            return
        INGRESS_PUBLISH_FAILURES.labels(outcome.value).inc()
        if self._failed_at is None:
            log.warning("broker_in_doubt", outcome=outcome.value)
        self._failed_at = asyncio.get_running_loop().time()


class Ladder:
    """Keeps messages on the best rung that holds. `spool` None: there is no lower one."""

    def __init__(self, broker: Broker, spool: Keeping | None) -> None:
        self._broker = broker
        self._spool = spool
        self._told: Level | None = None

    @property
    def level(self) -> Level:
        if self._broker.there and self._trusted:
            return Level.CONFIRMED
        return Level.SPOOLING if self._spool_usable else Level.REFUSING

    async def keep(self, message: bytes, *, publish_until: float, spool_until: float) -> Kept:
        """Return where the message is safe, by `spool_until`. Raises `RefusedError`.

        Where less time is left to publish than the spool is given afterwards, it is not begun: it
        would be broken off, and arrive all the same.
        """
        left = publish_until - asyncio.get_running_loop().time()
        if left < spool_until - publish_until:
            return await self._keep_on_disk(message, spool_until, Outcome.UNKNOWN)
        if self._trusted or not self._spool_usable:
            outcome = await self._broker.deliver(message, until=publish_until)
            if outcome is Outcome.CONFIRMED:
                failpoint("ingress.confirmed")
                return Kept.CONFIRMED
            self.tell()
            return await self._keep_on_disk(message, spool_until, outcome)
        try:
            return await self._keep_on_disk(message, spool_until, Outcome.REFUSED)
        except RefusedError:
            self.tell()
            if not self._broker.there:
                raise
            if await self._broker.deliver(message, until=spool_until) is not Outcome.CONFIRMED:
                raise
        return Kept.CONFIRMED

    def tell(self) -> Level:
        """Tell metrics and, where it changed, the log which level holds."""
        level = self.level
        for each in Level:
            INGRESS_ACCEPT_LEVEL.labels(each.value).set(each is level)
        if level is not self._told:
            log_of_level = log.info if level is Level.CONFIRMED else log.warning
            log_of_level("accept_level", state=level.value)
        self._told = level
        return level

    @property
    def _trusted(self) -> bool:
        if not self._broker.doubted:
            return True
        return self._broker.there and self._broker.doubted_for >= DOUBT

    @property
    def _spool_usable(self) -> bool:
        return self._spool is not None and self._spool.usable

    async def _keep_on_disk(self, message: bytes, until: float, outcome: Outcome) -> Kept:
        if self._spool is None:
            raise RefusedError(outcome.value)
        try:
            async with asyncio.timeout_at(until):
                await self._spool.append(message)
        except SpoolError as error:
            raise RefusedError(f"{outcome.value}, spool {error.reason}") from None
        except TimeoutError:
            raise RefusedError(f"{outcome.value}, spool late") from None
        failpoint("ingress.spooled")
        return Kept.SPOOLED
