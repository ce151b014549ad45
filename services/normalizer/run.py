"""The process: one consumer of raw deliveries, one publisher of outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from libs.bus.consumer import BatchConsumer
from libs.bus.dead_letters import bury
from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import NORMALIZER_QUEUE, TRANSLATED, WEBHOOKS
from libs.contracts import webhook_received, webhook_translated
from libs.contracts.delivery import Delivery
from libs.contracts.errors import ContractError
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from libs.runtime.failpoints import failpoint
from libs.runtime.failures import TemporaryError
from libs.runtime.settings import Settings
from libs.runtime.sources import Sources
from services.normalizer.translate import Translator

MESSAGE_DELIVERIES: Final = 200

log = structlog.get_logger()


class Normalizer:
    """What the consumer hands its batches to."""

    def __init__(self, translator: Translator, publisher: Publisher) -> None:
        self._translator = translator
        self._publisher = publisher

    async def handle(self, messages: Sequence[Message]) -> None:
        """Translate a batch and publish its outcomes; returns once they are confirmed."""
        deliveries: list[Delivery] = []
        for message in messages:
            try:
                deliveries.extend(webhook_received.decode(message.body))
            except ContractError as error:
                log.error("message_not_readable", queue=NORMALIZER_QUEUE, error=str(error))  # noqa: TRY400
                await bury(self._publisher, message, queue=NORMALIZER_QUEUE, reason=str(error))
        for start in range(0, len(deliveries), MESSAGE_DELIVERIES):
            await self._publish(self._said(deliveries[start : start + MESSAGE_DELIVERIES]))

    def _said(self, deliveries: Sequence[Delivery]) -> bytes:
        """Write the outcomes as one message; what one delivery says spoils no other."""
        outcomes = tuple(self._translator.outcome_of(delivery) for delivery in deliveries)
        try:
            return webhook_translated.encode(outcomes)
        except ValueError:
            return webhook_translated.encode(tuple(map(self._translator.sayable, deliveries)))

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


def terms_of(sources: Sources) -> dict[str, Terms]:
    """Return what the sources file says about the translation of each source."""
    return {
        source.slug: Terms(
            currency=source.currency, timezone=source.timezone, aliases=source.aliases
        )
        for source in sources
    }


async def run(
    settings: Settings, sources: Sources, stop: asyncio.Event, *, name: str = "normalizer"
) -> None:
    """Run until `stop` is set; then finish the batch in hand."""
    url = settings.required_amqp_url()
    publisher = await Publisher.open(url, name=f"{name}-publisher", deadline=10.0)
    try:
        normalizer = Normalizer(Translator(PROVIDERS, terms_of(sources)), publisher)
        consumer = BatchConsumer(
            url, NORMALIZER_QUEUE, normalizer.handle, name=name, grace=settings.grace
        )
        await consumer.run(stop)
    finally:
        await publisher.close()
