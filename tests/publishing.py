"""For stand-ins of a publisher that know `publish`: the messages of one call, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from libs.bus.publisher import Outcome, Outgoing


class PublishingOneByOne:
    """Gives `publish_all` to whoever has `publish`."""

    publish: Callable[..., Awaitable[Outcome]]

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        return await asyncio.gather(
            *(
                self.publish(
                    message.exchange,
                    message.routing_key,
                    message.body,
                    content_type=message.content_type,
                )
                for message in messages
            )
        )
