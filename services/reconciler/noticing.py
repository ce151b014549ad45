"""What the ingresses tell of those whom they did not let in: counted in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from libs.bus.consumer import Handle
from libs.bus.dead_letters import bury
from libs.bus.isolation import Failed, isolate
from libs.bus.itemwise import Codec, GivenUp, Itemwise, Limits, Work
from libs.bus.publisher import Publisher
from libs.bus.topology import NOTICES_QUEUE
from libs.contracts import notice
from libs.contracts.notice import Notice
from libs.store.database import Pool
from libs.store.notices import count_notices

SERVICE: Final = "reconciler"
NOTICES: Final = Codec(
    content_type=notice.CONTENT_TYPE,
    decode=notice.decode,
    encode=notice.encode,
    received_at=lambda told: told.at,
)


def noticing(pool: Pool, publisher: Publisher, limits: Limits) -> Handle:
    """Return what the consumer of the notices hands its batches to."""

    async def count(notices: Sequence[Notice]) -> None:
        await count_notices(pool, notices)

    async def do(notices: Sequence[Notice]) -> list[Failed[Notice]]:
        return await isolate(notices, count)

    async def give_up(given_up: GivenUp[Notice]) -> None:
        await bury(
            publisher,
            NOTICES.encode(given_up.item),
            content_type=NOTICES.content_type,
            queue=NOTICES_QUEUE,
            reason=given_up.reason,
        )

    return Itemwise(
        NOTICES_QUEUE,
        service=SERVICE,
        codec=NOTICES,
        work=Work(do, give_up),
        publisher=publisher,
        limits=limits,
    ).handle
