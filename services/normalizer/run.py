"""The process: one consumer of raw deliveries, one publisher of outcomes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import structlog

from libs.bus.consumer import BatchConsumer
from libs.bus.isolation import Failed, isolate
from libs.bus.itemwise import Codec, GivenUp, Itemwise, Limits, Work
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, TRANSLATED, WEBHOOKS
from libs.bus.watch import watching
from libs.contracts import webhook_received, webhook_translated
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_translated import Translated
from libs.providers.registry import PROVIDERS
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import TemporaryError, short_of_memory
from libs.runtime.metric_kinds import NORMALIZER, count_from_zero
from libs.runtime.settings import Settings
from libs.runtime.sources import Sources
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator, failure

MESSAGE_DELIVERIES: Final = 200
# Of bodies, which outcomes carry; a reconciler has some thirty such messages in hand.
MESSAGE_BYTES: Final = 1024 * 1024

log = structlog.get_logger()

DELIVERIES: Final = Codec(
    content_type=webhook_received.CONTENT_TYPE,
    decode=webhook_received.decode,
    encode=lambda delivery: webhook_received.encode((delivery,)),
    received_at=lambda delivery: None if delivery.replay_of else delivery.received_at,
)


class Normalizer:
    """What the consumer hands its batches to."""

    def __init__(
        self, translator: Translator, publisher: Publisher, limits: Limits | None = None
    ) -> None:
        self._translator = translator
        self._publisher = publisher
        self.handle = Itemwise(
            NORMALIZER_QUEUE,
            service="normalizer",
            codec=DELIVERIES,
            work=Work(self._translate, self._give_up),
            publisher=publisher,
            limits=limits or Limits(),
        ).handle

    async def _translate(self, deliveries: Sequence[Delivery]) -> Sequence[Failed[Delivery]]:
        """Publish what deliveries say, and return those on which our code fails.

        One provider comes after the other, each in the order of arrival: an adapter that runs many
        times in a row stays in the processor's cache (4 µs of 40 per webhook).
        """
        failures: list[Failed[Delivery]] = []
        for some in _portions(sorted(deliveries, key=attrgetter("provider"))):
            outcomes, failed = self._outcomes(some)
            failures += failed
            if unsaid := await isolate(outcomes, self._say):
                by_id = {delivery.id: delivery for delivery in some}
                failures += [Failed(by_id[each.item.delivery_id], each.error) for each in unsaid]
        return failures

    async def _say(self, outcomes: Sequence[Translated]) -> None:
        """Publish outcomes as one message; a lone surrogate in one of them is an error."""
        await self._publish(webhook_translated.encode(tuple(outcomes)))

    def _outcomes(
        self, deliveries: Sequence[Delivery]
    ) -> tuple[tuple[Translated, ...], list[Failed[Delivery]]]:
        outcomes: list[Translated] = []
        failures: list[Failed[Delivery]] = []
        for delivery in deliveries:
            try:
                outcome = self._translator.outcome_of(delivery)
            except MemoryError:
                raise short_of_memory() from None
            except Exception as error:  # noqa: BLE001 - a bug becomes a delivery that failed, not a stuck queue
                failures.append(Failed(delivery, error))
            else:
                outcomes.append(outcome)
        if log.is_enabled_for(logging.DEBUG):
            _tell(outcomes)
        return tuple(outcomes), failures

    async def _give_up(self, given_up: GivenUp[Delivery]) -> None:
        outcome = failure(given_up.item, given_up.reason, given_up.attempts)
        await self._publish(webhook_translated.encode((outcome,)))

    async def _publish(self, message: bytes) -> None:
        failpoint("normalizer.translated")
        outcome = await self._publisher.publish(
            WEBHOOKS,
            TRANSLATED,
            message,
            content_type=webhook_translated.CONTENT_TYPE,
        )
        if outcome is not Outcome.CONFIRMED:
            raise TemporaryError(f"the outcomes were not confirmed: {outcome}")
        failpoint("normalizer.confirmed")


def _tell(outcomes: Sequence[Translated]) -> None:
    for outcome in outcomes:
        log.debug(
            "delivery_translated",
            delivery_id=outcome.delivery_id,
            source=outcome.source,
            readings=[type(reading).__name__ for reading in outcome.readings],
        )


def _portions(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Cut into what one message may carry, but at least one delivery."""
    portions: list[list[Delivery]] = []
    room = 0
    for delivery in deliveries:
        room -= len(delivery.body)
        if not portions or room < 0 or len(portions[-1]) == MESSAGE_DELIVERIES:
            portions.append([])
            room = MESSAGE_BYTES - len(delivery.body)
        portions[-1].append(delivery)
    return portions


async def run(
    settings: Settings, sources: Sources, stop: asyncio.Event, *, name: str = "normalizer"
) -> None:
    """Run until `stop` is set; then finish the batch in hand."""
    url = settings.required_amqp_url()
    count_from_zero(NORMALIZER)
    publisher = await Publisher.open(url, name=f"{name}-publisher", deadline=10.0)
    try:
        translator = Translator(PROVIDERS, terms_of(sources))
        normalizer = Normalizer(translator, publisher, Limits.of(settings))
        consumer = BatchConsumer(
            url, NORMALIZER_QUEUE, normalizer.handle, name=name, grace=settings.grace
        )
        async with watching(url, name=name, consumed=(NORMALIZER_QUEUE,)):
            await consumer.run(stop)
    finally:
        await publisher.close()
