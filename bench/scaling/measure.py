"""What a webhook leaves in the database, and what the relay does by itself.

The webhooks are the simulator's, as in the bench. Tables are vacuumed and measured with their indexes, against what they
were empty. The relay is the one of the reconciler, in this process, with a backlog of events before it and no load beside.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from statistics import quantiles
from time import monotonic, process_time
from typing import Any, Final

import asyncpg

from bench.house import House, house
from bench.limits.machine import machine
from libs.bus.publisher import Publisher
from libs.bus.topology import EVENTS_QUEUE
from libs.store.database import open_pool
from services.reconciler.relay import BATCH, Relay
from services.stack.temporary import temporary_data

PROCESSES: Final = ("ingress", "normalizer", "reconciler")
EVENTS: Final = 50_000
EVENT_BYTES: Final = 511  # as an event has, see bench/limits
WITHIN: Final = 300.0  # seconds
LEAST: Final = 5  # bytes a webhook; a table that has less has a page or two, however many come

_SIZES: Final = """
select coalesce(pg_partition_root(c.oid)::regclass, c.oid::regclass)::text as name, sum(pg_total_relation_size(c.oid))::bigint as size
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = 'public' group by 1
"""
_BACKLOG: Final = """
insert into outbox (object_id, sequence, routing_key, body)
select n, 1, 'payment.paid.clip', convert_to(rpad(n::text, $2::int, 'x'), 'UTF8') from generate_series(1, $1::int) as n
"""


async def measure(webhooks: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures, and what they were measured on."""
    with temporary_data() as home:
        async with house(home) as built:
            progress(f"{webhooks} webhooks")
            left = await _left(built, webhooks)
            progress(f"{EVENTS} events through the relay alone")
            relayed = await _relayed(built)
            on = await machine(built.servers, home)
    return {"machine": on, "figures": {"processor": on["cpu"], **left, **relayed}}


async def _left(built: House, webhooks: int) -> dict[str, Any]:
    dsn = built.servers.postgres_dsn
    before = await _sizes(dsn)
    await built.start(*PROCESSES)
    log = await _value(dsn, "select pg_current_wal_insert_lsn()::text")
    await _simulate(built, webhooks)
    await built.until_quiet(within=WITHIN)
    written = await _value(
        dsn, "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)::bigint", log
    )
    await built.stop(*PROCESSES)
    after = await _sizes(dsn)
    objects = await built.count("objects")
    events = await _value(dsn, "select sum(sequence) from objects")
    return {
        "webhooks": webhooks,
        "objects_per_webhook": round(objects / webhooks, 4),
        "events_per_webhook": round(int(events) / webhooks, 4),
        "bytes_per_webhook": {
            name: round((size - before.get(name, 0)) / webhooks, 1)
            for name, size in sorted(after.items())
            if size - before.get(name, 0) > LEAST * webhooks
        },
        "wal_bytes_per_webhook": round(int(written) / webhooks),
    }


async def _relayed(built: House) -> dict[str, float]:
    """Relay a backlog, and tell how long it took the process and the clock."""
    dsn, url = built.servers.postgres_dsn, built.servers.amqp_url
    await built.purge(EVENTS_QUEUE)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("truncate outbox")
        await connection.execute(_BACKLOG, EVENTS, EVENT_BYTES)
        await connection.execute("vacuum analyze outbox")
    finally:
        await connection.close()
    publisher = await Publisher.open(url, name="relay", deadline=10.0)
    try:
        async with open_pool(dsn, size=2, by_index=True) as pool:
            relay = Relay(pool, publisher)
            await relay.once()  # connections, statements
            turns: list[float] = []
            used = process_time()
            while BATCH * (len(turns) + 2) < EVENTS:
                begun = monotonic()
                told = await relay.once()
                if told.confirmed != BATCH:
                    raise RuntimeError(
                        f"the relay was not alone, or the broker did not confirm: {told}"
                    )
                turns.append(monotonic() - begun)
            cpu = process_time() - used
    finally:
        await publisher.close()
    await built.purge(EVENTS_QUEUE)
    # machines are shared: a quarter of its turns was faster than this
    return {
        "relay_events_per_second": round(BATCH / quantiles(turns, n=4)[0]),
        "relay_cpu_us": round(1e6 * cpu / (BATCH * len(turns)), 1),
    }


async def _simulate(built: House, webhooks: int) -> None:
    """Post them as `caudal simulate` does, with the usual repetitions."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "services.cli", "simulate", "--seed", "1", "--count", str(webhooks),
        "--duplicates", "0.05", "--url", f"http://127.0.0.1:{built.port}", "--ledger", str(built.home / "ledger.jsonl"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **built.environment()},
    )  # fmt: skip
    if await process.wait():
        raise RuntimeError(f"caudal simulate ended with {process.returncode}")


async def _sizes(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("vacuum analyze")
        return {row["name"]: row["size"] for row in await connection.fetch(_SIZES)}
    finally:
        await connection.close()


async def _value(dsn: str, statement: str, *arguments: object) -> Any:  # noqa: ANN401 - what the statement gives
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()
