"""The providers' side: posts a seed's webhooks, repeats what was not taken, keeps what was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from services.simulator.plan import Plan, Webhook
from tests.simulated.house import House

PATIENCE = 8.0  # seconds until a request is given up


@dataclass
class Sent:
    """What became of a plan."""

    accepted: dict[str, Webhook] = field(default_factory=dict)
    made: dict[str, Delivery] = field(default_factory=dict)


class Providers:
    """Posts a plan to the ingress of a house."""

    def __init__(self, seed: int, house: House, count: int) -> None:
        self.sent = Sent()
        self.webhooks = [
            webhook
            for webhook in Plan.from_seed(
                seed,
                count=count,
                duplicates=0.1,
                reorder=0.2,
                delay=5.0,
                unknown=0.05,
                malformed=0.05,
                lives=6,
            ).webhooks()
            if webhook.taken
        ]
        self._house = house
        self._random = Random(f"providers {seed}")
        self._settled = {webhook.index: asyncio.Event() for webhook in self.webhooks}

    async def run(self) -> None:
        """Post everything until all of it was taken."""
        async with asyncio.TaskGroup() as tasks:
            for webhook in self.webhooks:
                await asyncio.sleep(self._random.expovariate(6))
                tasks.create_task(self._settle(webhook))

    async def _settle(self, webhook: Webhook) -> None:
        if webhook.after is not None and webhook.after in self._settled:
            await self._settled[webhook.after].wait()
        await asyncio.sleep(webhook.late)
        while not await self._post(webhook):
            await asyncio.sleep(self._random.uniform(0.2, 2))
        self._settled[webhook.index].set()

    async def _post(self, webhook: Webhook) -> bool:
        running = self._house.running.get(self._random.choice(("ingress-1", "ingress-2")))
        if running is None:
            return False
        delivery = self._delivery(webhook)
        loop = self._house.loop
        answer: asyncio.Future[bool] = loop.create_future()
        loop.run_in(running.process, self._house.take(delivery, answer))
        try:
            async with asyncio.timeout(PATIENCE):
                accepted = await answer
        except TimeoutError:
            return False
        if accepted:
            self._house.note(f"accepted {delivery.id[-4:]} of {webhook.source}")
            self.sent.accepted[delivery.id] = webhook
        return accepted

    def _delivery(self, webhook: Webhook) -> Delivery:
        number = len(self.sent.made) + 1
        made = Delivery(
            id=str(UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + number)),
            source=webhook.source,
            provider=webhook.provider,
            body=webhook.body.raw,
            received_at=self._house.now(),
            authority=Authority.SECRET,
            content_type=webhook.body.content_type,
            route_event=webhook.body.event,
        )
        self.sent.made[made.id] = made
        return made
