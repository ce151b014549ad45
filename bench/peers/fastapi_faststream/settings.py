"""Where its servers are, and the names it goes by."""

from __future__ import annotations

import os
from typing import Final

from faststream.rabbit import QueueType, RabbitQueue

from bench.peers.ground import Ground

GROUND: Final = Ground("faststream")
AMQP_URL: Final = os.environ["PEER_AMQP_URL"]
POSTGRES_DSN: Final = os.environ["PEER_POSTGRES_DSN"]

WEBHOOKS: Final = RabbitQueue(
    GROUND.webhooks, QueueType.QUORUM, arguments={**GROUND.webhooks_arguments}
)
EVENTS: Final = RabbitQueue(GROUND.events, QueueType.QUORUM)
