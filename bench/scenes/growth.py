"""What it costs that much is stored: the same load on a small database and on a large one, in turns.

Both stand on one server. The large one is filled with objects as one webhook each leaves them, in
the order of their keys, which is fast; the keys of what comes then fall anywhere between them. Indexes that
are not unique are built afterwards, so their bytes are those of a fresh build. The objects are old enough
for the walk over what may be overdue, which so passes all of them while the measuring goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import asyncpg

from bench.figures import Figure, Target
from bench.load.generator import Load
from bench.scenes.stage import Stage, database
from bench.scenes.sustained import carry
from bench.scenes.systems import Caudal

SMALL: Final = 10_000
LARGE: Final = 10_000_000
QUICK_LARGE: Final = 300_000
PORTION: Final = 500_000  # rows of one statement
AT_MOST: Final = 10_000.0
REPETITIONS: Final = 2
TABLES: Final = ("objects", "observations", "dedupe_ledger")

_OBJECTS: Final = """
insert into objects (id, source, kind, provider_ref, provider, merchant_ref, state, provider_status,
  amount, currency, occurred_at, received_at, authority, delivery_id, method, sequence, attempts,
  decided_by, created_at, updated_at)
overriding system value
select n, 'clip', 'payment', 'old-' || lpad(to_hex(n * $3::bigint), 16, '0'), 'clip',
  'order-' || n, 'paid', 'COMPLETED', 100.00, 'MXN', '2026-01-15T12:00:00Z',
  '2026-01-15T12:00:01Z', 'secret', lpad(to_hex(n), 32, '0')::uuid, 'card', 1, 1, 'old-' || n,
  now() - interval '1 hour', now() - interval '1 hour'
from generate_series($1::bigint, $2::bigint) as n
"""
_OBSERVATIONS: Final = """
insert into observations (object_id, key, received_at, delivery_id, content)
select n, 'payment:COMPLETED:' || n, '2026-01-15T12:00:01Z', lpad(to_hex(n), 32, '0')::uuid,
  jsonb_build_object('key', 'payment:COMPLETED:' || n, 'kind', 'payment', 'provider_ref',
    'old-' || lpad(to_hex(n * $3::bigint), 16, '0'), 'state', 'paid', 'amount',
    jsonb_build_object('amount', '100.00', 'currency', 'MXN'), 'provider_status', 'COMPLETED',
    'merchant_ref', 'order-' || n, 'occurred_at', '2026-01-15T12:00:00Z', 'received_at',
    '2026-01-15T12:00:01Z', 'authority', 'secret', 'delivery_id', lpad(to_hex(n), 32, '0'))
from generate_series($1::bigint, $2::bigint) as n
"""
_LEDGER: Final = """
insert into dedupe_ledger (name, first_delivery_id, first_received_at)
select decode(lpad(to_hex(n * $3::bigint), 16, '0'), 'hex') || decode(md5(n::text), 'hex')
    || '\\x0000000000000000'::bytea,
  lpad(to_hex(n), 32, '0')::uuid, '2026-01-15T12:00:01Z'
from generate_series($1::bigint, $2::bigint) as n
"""
_INDEXES: Final = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i where i.indrelid = any($1::regclass[]) and not i.indisunique
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A database that holds so many objects, and the bytes that each takes, by table and index."""

    dsn: str
    objects: int
    bytes_each: dict[str, float]


async def growth(stage: Stage, _sustained: float) -> list[Figure]:
    """Compare the rates, and tell how large an object is."""
    large = QUICK_LARGE if stage.quick else LARGE
    small_one = await _stored(stage, "bench_small", SMALL)
    large_one = await _stored(stage, "bench_large", large)
    rates: dict[str, list[float]] = {small_one.dsn: [], large_one.dsn: []}
    for n in range(2 if stage.quick else REPETITIONS):
        for stored in (small_one, large_one) if n % 2 == 0 else (large_one, small_one):
            stage.progress(f"{stored.objects:,} stored objects, {n + 1}")
            rates[stored.dsn].append(await rate_on(stage, stored.dsn))
    small, grown = rates[small_one.dsn], rates[large_one.dsn]
    return [
        Figure(
            key="growth",
            title=f"throughput with {large:,} stored objects against {SMALL:,}",
            values=tuple(b / a for a, b in zip(small, grown, strict=True)),
            target=Target(at_least=0.9),
            beside={
                "small_per_second": [round(rate) for rate in small],
                "large_per_second": [round(rate) for rate in grown],
                "bytes_per_object": {
                    name: round(size) for name, size in large_one.bytes_each.items()
                },
            },
        )
    ]


async def rate_on(stage: Stage, dsn: str, *, hot_share: float = 0.0) -> float:
    """Return the webhooks a second that get through, flat out, with this database."""
    there, system = stage.on(dsn), Caudal()
    await system.start(there.house)
    try:
        seconds = stage.seconds(6, 4)
        run = await carry(
            there,
            system,
            Load(
                port=there.house.port,
                seconds=seconds,
                connections=stage.connections,
                run=f"{stage.fresh()}-on",
                count=int(AT_MOST * seconds),
                hot_share=hot_share,
            ),
        )
    finally:
        await system.stop(there.house)
    return run.per_second


async def _stored(stage: Stage, name: str, count: int) -> Stored:
    dsn = await database(stage, name)
    stage.progress(f"filling {name} with {count:,} objects")
    step = 2**62 // count
    connection = await asyncpg.connect(dsn)
    try:
        # what is not unique is built afterwards, in one pass over the rows
        indexes = await connection.fetch(_INDEXES, list(TABLES))
        for row in indexes:
            await connection.execute(f"drop index {row['name']}")
        await asyncio.gather(
            _fill(dsn, (_OBJECTS, _LEDGER), count, step), _fill(dsn, (_OBSERVATIONS,), count, step)
        )
        for row in indexes:
            await connection.execute(row["definition"], timeout=600)
        await connection.execute(
            "select setval(pg_get_serial_sequence('objects', 'id'), $1 + 1)".replace(
                "$1", str(count)
            )
        )
        for table in TABLES:
            await connection.execute(f"vacuum analyze {table}", timeout=600)
        await connection.execute("checkpoint", timeout=600)
        sizes = await connection.fetch(
            "select c.relname as name, pg_relation_size(c.oid) as bytes from pg_class c"
            " where c.relkind in ('r', 'i') and (c.relname = any($1) or c.oid in"
            " (select indexrelid from pg_index where indrelid = any($1::regclass[])))",
            list(TABLES),
        )
    finally:
        await connection.close()
    return Stored(dsn, count, {row["name"]: row["bytes"] / count for row in sizes})


async def _fill(dsn: str, statements: tuple[str, ...], count: int, step: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            for first in range(1, count + 1, PORTION):
                last = min(count, first + PORTION - 1)
                await connection.execute(statement, first, last, step, timeout=600)
    finally:
        await connection.close()
