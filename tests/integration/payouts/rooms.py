"""What the tests of payouts share: an account, what is on record, and a broker that says one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from libs.bus.publisher import Outcome, Outgoing
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_received import decode
from libs.providers.payu import validation
from libs.providers.payu.requests import PayoutRequest
from libs.providers.registry import PROVIDERS
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import read_sources
from libs.store import payouts as store
from libs.store.database import Pool
from libs.store.to_be_told import telling_turn
from services.payouts.connection import Connection, connection_of
from tests.acceptance.payu_desk import sources_of
from tests.payu_api import KEY, PayUApi


def now() -> datetime:
    return datetime.now(UTC)


def document(*transfers: Any) -> PayoutRequest:  # noqa: ANN401 - any JSON
    return validation.payouts(list(transfers), doubts=False)


def connection(api: PayUApi, key: str = KEY) -> Connection:
    text = sources_of(api).replace(KEY, key)
    return connection_of(read_sources(text, PROVIDERS, SecretReader(Path(), {})), None, None)


async def on_record(pool: Pool) -> list[tuple[str, str | None]]:
    return [(each.state, each.payment_order_id) for each in await store.requests_on_record(pool)]


async def to_be_told(pool: Pool) -> list[Delivery]:
    async with telling_turn(pool) as turn:
        assert turn is not None
        due, unopened = await turn.due(10)
    assert unopened == []
    return due


@dataclass
class Broker:
    """Says the same to everything."""

    says: Outcome
    ready: bool = True
    messages: list[bytes] = field(default_factory=list)

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self.messages += [each.body for each in messages]
        return [self.says] * len(messages)

    @property
    def told(self) -> list[str]:
        """The ids of what entered, each as often as it came."""
        return [each.id for message in self.messages[::2] for each in decode(message)]
