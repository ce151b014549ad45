"""Whether the copy of the deliveries reaches back to what the restored database knows.

Where the copy begins, the database has to know what stands there: then that was published before the
backup, and so everything that came after the backup stands behind it. No clock is asked: a delivery
may have lain in a spool for days before it was published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from libs.bus.kept import KEPT_WEBHOOKS, LONGEST_HOURS, read_kept
from libs.bus.message import Message
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.contracts.errors import ContractError
from libs.store.acts import list_acts
from libs.store.database import Pool, session
from libs.store.on_record import batch_on_record

ACTION: Final = "restore"
# Messages at the beginning of the copy. One alone could be there twice, the first time before the copy.
HEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Reach:
    """`since` is when the first delivery of the copy was received; None where there is none."""

    covered: bool
    since: datetime | None


async def reach_of(pool: Pool, url: str) -> Reach:
    """Look at the beginning of the copy, and at what was said of it when this was begun.

    A run that went on all the same makes the database know what stands there; so its own answer counts.
    Raises as `read_kept` does.
    """
    head: list[list[Delivery]] = []

    async def take(messages: Sequence[Message]) -> bool:
        for message in messages:
            try:
                deliveries = webhook_received.decode(message.body)
            except ContractError:
                continue  # is counted when all is read
            if fresh := [each for each in deliveries if each.replay_of is None]:
                head.append(fresh)
        return len(head) < HEAD

    await read_kept(url, KEPT_WEBHOOKS, take)
    first = [each for some in head[:HEAD] for each in some]
    if not first:
        return Reach(covered=False, since=None)
    named = sorted({(each.id, each.received_at, each.source) for each in first})
    async with session(pool) as connection:
        told = (await batch_on_record(connection, named, (), (), most=0)).told
    known = all(each.id in told for each in first)
    since = max(each.received_at for each in head[0])
    return Reach(known and not await _was_not_covered(pool), since)


async def _was_not_covered(pool: Pool) -> bool:
    lately = datetime.now(UTC) - timedelta(hours=LONGEST_HOURS)
    acts = await list_acts(pool, since=lately, action=ACTION)
    return any(act.subject.get("covered") is False for act in acts)
