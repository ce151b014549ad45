"""The process: one consumer of raw deliveries, one publisher of outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

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
from libs.runtime.tracing.batch import stamped
from libs.runtime.tracing.witness import Witness
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator, failure
from services.normalizer.witness import NormalizerWitness

MESSAGE_DELIVERIES: Final = 200
# Of bodies, which outcomes carry; a reconciler has some thirty such messages in hand.
MESSAGE_BYTES: Final = 1024 * 1024

DELIVERIES: Final = Codec(
    content_type=webhook_received.CONTENT_TYPE,
    decode=webhook_received.decode,
    encode=lambda delivery: webhook_received.encode((delivery,)),
    received_at=lambda delivery: None if delivery.replay_of else delivery.received_at,
)


class Normalizer:
    """What the consumer hands its batches to."""

    def __init__(
        self,
        translator: Translator,
        publisher: Publisher,
        limits: Limits | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._translator = translator
        self._witness = None if witness is None else NormalizerWitness(witness)
        self._publisher = publisher
        self.handle = Itemwise(
            NORMALIZER_QUEUE,
            service="normalizer",
            codec=DELIVERIES,
            work=Work(self._translate, self._give_up),
            publisher=publisher,
            limits=limits or Limits(),
            traces=None if witness is None else witness.traces,
        ).handle

    async def _translate(self, deliveries: Sequence[Delivery]) -> Sequence[Failed[Delivery]]:
        """Publish what deliveries say, and return those on which our code fails.

        One provider comes after the other, each in the order of arrival: an adapter that runs many
        times in a row stays in the processor's cache (4 µs of 40 per webhook).
        """
        failures: list[Failed[Delivery]] = []
        for some in _portions(sorted(deliveries, key=attrgetter("provider"))):
            portion = None if self._witness is None else self._witness.portion(some)
            outcomes, failed = self._outcomes(some)
            if portion is not None:
                outcomes = portion.said(outcomes)
            try:
                unsaid = await isolate(outcomes, self._say)
            except TemporaryError:
                if portion is not None:
                    portion.held()
                raise
            if unsaid:
                by_id = {delivery.id: delivery for delivery in some}
                failed += [Failed(by_id[each.item.delivery_id], each.error) for each in unsaid]
            if portion is not None:
                portion.done(each.item for each in failed)
            failures += failed
        return failures

    async def _say(self, outcomes: Sequence[Translated]) -> None:
        """Publish outcomes as one message; a lone surrogate in one of them is an error."""
        message = webhook_translated.encode(tuple(outcomes))
        if self._witness is None:
            await self._publish(message)
        else:
            with self._witness.sending(outcomes):
                await self._publish(message)

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
            headers=stamped(),
        )
        if outcome is not Outcome.CONFIRMED:
            raise TemporaryError(f"the outcomes were not confirmed: {outcome}")
        failpoint("normalizer.confirmed")


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
    settings: Settings,
    sources: Sources,
    stop: asyncio.Event,
    *,
    name: str = "normalizer",
    witness: Witness | None = None,
) -> None:
    """Run until `stop` is set; then finish the batch in hand."""
    url = settings.required_amqp_url()
    count_from_zero(NORMALIZER)
    publisher = await Publisher.open(url, name=f"{name}-publisher", deadline=10.0)
    try:
        translator = Translator(PROVIDERS, terms_of(sources))
        normalizer = Normalizer(translator, publisher, Limits.of(settings), witness)
        consumer = BatchConsumer(
            url, NORMALIZER_QUEUE, normalizer.handle, name=name, grace=settings.grace
        )
        async with watching(url, name=name, consumed=(NORMALIZER_QUEUE,)):
            await consumer.run(stop)
    finally:
        await publisher.close()
