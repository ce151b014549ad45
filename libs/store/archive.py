"""The archive: every delivery as its bytes came, in a partition for each day (UTC)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from libs.contracts.delivery import Delivery, Origin
from libs.domain.lifecycle import Authority
from libs.runtime.failures import ContentionError
from libs.runtime.key_ring import KeyRing, NotOpenedError
from libs.store.database import Connection, Pool, fetch_rows, keys_of, session, transaction
from libs.store.queries import query
from libs.store.retention import RETENTION_LOCK
from libs.store.sealing import opened
from libs.store.together import Writes

ARCHIVE: Final = "deliveries"
PARTITIONED: Final = (ARCHIVE, "translations")
DAYS_AHEAD: Final = 7
MOVE_WITHIN: Final = 600  # seconds; a day's rows may have to move
# Two reconcilers that make the same partition: the second waits, and finds it there.
_PARTITIONS_LOCK: Final = 0x0CA0DA3


async def file_deliveries(pool: Pool, deliveries: Sequence[Delivery]) -> None:
    """File deliveries; one that is on file already stays as it is.

    In order of their ids, so that two reconcilers with the same deliveries wait for each other.
    """
    writes = Writes()
    file_missing(writes, deliveries)
    async with session(pool) as connection:
        await writes.execute(connection)


def file_missing(writes: Writes, deliveries: Sequence[Delivery]) -> None:
    """File deliveries together with what else is written; known ones stay as they are."""
    rows = [
        (
            d.id,
            d.received_at,
            d.source,
            d.provider,
            d.origin.value,
            d.authority.value,
            d.content_type,
            orjson.dumps(dict(d.headers)).decode(),
            d.route_event,
            d.traceparent,
            d.body,
            d.replay_of,
        )
        for d in sorted(deliveries, key=lambda d: d.id)
    ]
    writes.add("file_deliveries", rows)


async def delivery_on_file(pool: Pool, delivery_id: str) -> Delivery | None:
    """Return a delivery from the archive, or None where it is not (or no longer) there.

    Raises `NotOpenedError` where its body cannot be opened.
    """
    async with session(pool) as connection:
        row = await connection.fetchrow(query("delivery_by_id"), delivery_id)
        return None if row is None else _opened(row, keys_of(connection))


async def deliveries_on_file(
    connection: Connection, named: Sequence[tuple[str, datetime]]
) -> list[Delivery]:
    """Return those of these deliveries (id, time of receipt) that the archive has.

    Raises `NotOpenedError` where the body of one cannot be opened.
    """
    rows = await fetch_rows(connection, "deliveries_by_key", named)
    keys = keys_of(connection)
    return [_opened(row, keys) for row in rows]


class Unopened(NamedTuple):
    """A delivery on file whose body cannot be opened, and why."""

    id: str
    received_at: datetime
    why: str

    def __str__(self) -> str:
        return f"the body of the delivery {self.id} {self.why}"


def readable(
    rows: Iterable[asyncpg.Record], keys: KeyRing
) -> tuple[list[Delivery], list[Unopened]]:
    """Make deliveries of rows; one that cannot be opened is in the way of no other."""
    found: list[Delivery] = []
    unopened: list[Unopened] = []
    for row in rows:
        try:
            found.append(_opened(row, keys))
        except NotOpenedError as error:
            unopened.append(Unopened(str(row["id"]), row["received_at"], str(error)))
    return found, unopened


def _opened(row: asyncpg.Record, keys: KeyRing) -> Delivery:
    return delivery_of(row, opened(keys, row["id"], row["body"]))


def delivery_of(row: asyncpg.Record | Mapping[str, Any], body: bytes) -> Delivery:
    """Make a delivery of its columns, and its body as it came."""
    return Delivery(
        id=str(row["id"]),
        source=row["source"],
        provider=row["provider"],
        body=body,
        received_at=row["received_at"],
        authority=Authority(row["authority"]),
        content_type=row["content_type"],
        headers=orjson.loads(row["headers"]),
        route_event=row["route_event"],
        origin=Origin(row["origin"]),
        traceparent=row["traceparent"],
        replay_of=None if row["replay_of"] is None else str(row["replay_of"]),
    )


async def ensure_partitions(pool: Pool, now: datetime, days: int = DAYS_AHEAD) -> int:
    """Make the partitions from yesterday to `days` ahead; return how many were made.

    What falls outside lands in the default partition, so nothing is ever refused for its day.
    A function of the schema's owner makes them (revision 0013): who files need not own the archive.

    None are made while retention has its turn, which may write to these tables for half an hour: who
    makes one would wait for that, and everybody who files would wait behind. They are made a week ahead;
    where some are missing and it is so, `ContentionError`.
    """
    made = 0
    first = now.astimezone(UTC).date() - timedelta(days=1)
    keep_away = query("keep_retention_away")
    for table in PARTITIONED:
        async with transaction(pool) as connection:
            await connection.execute(query("lock_partitions"), _PARTITIONS_LOCK)
            known = {
                row["day"] for row in await connection.fetch(query("days_with_partition"), table)
            }
            wanted = [first + timedelta(days=n) for n in range(days + 2)]
            missing = [day for day in wanted if day.strftime("%Y%m%d") not in known]
            if missing and not await connection.fetchval(keep_away, RETENTION_LOCK):
                raise ContentionError("partitions are made when retention has ended its turn")
            for day in missing:
                await connection.execute(query("make_partition"), table, day, timeout=MOVE_WITHIN)
                made += 1
    return made
