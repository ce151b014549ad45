"""What Postgres commits: the batches of Caudal without Caudal, their rows by COPY, one row alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import fmean
from time import perf_counter
from typing import Final

import asyncpg

from bench.limits.captured import Captured
from bench.limits.figures import Limit, cpu_cost, spread
from bench.limits.pgbench import Ran, pgbench_version, run_script
from bench.limits.room import TABLES, Room
from bench.limits.rows import Portion, portions_of
from bench.limits.script import TABLE, Script, script_of

_COVERS: Final = "filing and applying, each in its transaction; not the relay"
SETTLING: Final = 5  # executions after which Postgres keeps one plan for a prepared statement
_ONE_ROW: Final = """\
begin;
insert into dedupe_ledger values (uuid_send(gen_random_uuid()), gen_random_uuid(), now());
commit;
"""


@asynccontextmanager
async def replayable(where: Room, captured: Captured) -> AsyncIterator[Script]:
    """Have the batches in the room's database, for `replayed_rate`."""
    script = script_of(captured)
    types = ", ".join(
        f"{name} {'text' if name in script.texts else 'integer'} not null"
        for name in script.columns
    )
    connection = await asyncpg.connect(where.dsn)
    try:
        await connection.execute(f"create table {TABLE} ({types}, primary key (client, number))")
        # as it is, beside the row: what is taken apart first would cost more to take
        kept = ", ".join(f"alter {name} set storage external" for name in script.texts)
        await connection.execute(f"alter table {TABLE} {kept}")
        await connection.copy_records_to_table(TABLE, records=script.rows)
        await connection.execute(f"analyze {TABLE}")
        yield script
        await connection.execute(f"drop table {TABLE}")
    finally:
        await connection.close()


async def replayed_rate(
    where: Room, captured: Captured, script: Script, *, clients: int, seconds: float = 2.0
) -> Limit:
    """Measure the webhooks a second that Postgres commits when pgbench sends the batches.

    Sent from the beginning again, into tables made empty, until it took `seconds`. The first few
    batches of a connection do not count: its statements are planned anew for each of them.
    """
    if captured.batches <= SETTLING:
        raise ValueError(f"more than {SETTLING} batches are needed for each client")
    rounds: list[Ran] = []
    spent = cpu = 0.0
    while spent < seconds:
        await where.empty()
        begun, cpu_before = perf_counter(), where.cpu()
        rounds.append(
            await run_script(
                where.dsn,
                script.text,
                within=60 + 10 * seconds,
                variables={"number": 0},
                options=(
                    f"--client={clients}",
                    f"--jobs={min(clients, os.cpu_count() or 1)}",
                    f"--transactions={captured.batches}",
                ),
                settling=SETTLING,
            )
        )
        spent += perf_counter() - begun
        cpu += where.cpu() - cpu_before
    taking = fmean(_taking(ran) for ran in rounds)
    times = [time - taking for ran in rounds for time in ran.times]
    rates = [clients / (fmean(ran.times) - _taking(ran)) for ran in rounds]
    rate = clients / fmean(times)
    return Limit(
        name="pgbench",
        value=rate * captured.webhooks,
        unit="webhooks/s",
        also={
            "batches_per_s": rate,
            "batches_per_s_with_taking": clients / (fmean(times) + taking),
            "taking_ms": 1e3 * taking,
            "lowest_round": min(rates) * captured.webhooks,
            "highest_round": max(rates) * captured.webhooks,
            **cpu_cost(
                cpu,
                len(rounds) * clients * captured.batches * captured.webhooks,
                "webhook_with_taking",
            ),
            **spread(times, "ms", 1e3),
        },
        settings={
            "client": await pgbench_version(),
            "protocol": "prepared, arguments as text",
            "covers": _COVERS,
            "clients": clients,
            "webhooks_per_batch": captured.webhooks,
            "batches_per_client": captured.batches,
            "rounds": len(rounds),
        },
    )


def _taking(ran: Ran) -> float:
    """Return what the taking of a batch out of its table took."""
    return next(mean for command, mean in ran.commands if not command.startswith("\\"))


async def copied_rate(
    where: Room, portions: Sequence[Portion], webhooks: int, *, clients: int, seconds: float = 2.0
) -> Limit:
    """Measure the webhooks a second whose rows Postgres commits by COPY.

    One transaction for each portion, the rows of `webhooks` webhooks. From the beginning again,
    into tables made empty, until it took `seconds`.
    """
    times: list[float] = []
    cpu = 0.0
    connections = [await asyncpg.connect(where.dsn) for _ in range(clients)]
    try:
        while sum(times) < seconds:
            await where.empty()
            begun, cpu_before = perf_counter(), where.cpu()
            await asyncio.gather(
                *(
                    _copy(connection, portions[client::clients])
                    for client, connection in enumerate(connections)
                )
            )
            times.append(perf_counter() - begun)
            cpu += where.cpu() - cpu_before
    finally:
        for connection in connections:
            await connection.close()
    rates = [len(portions) / time for time in times]
    rate = len(portions) * len(times) / sum(times)
    return Limit(
        name="postgres_copy",
        value=rate * webhooks,
        unit="webhooks/s",
        also={
            "transactions_per_s": rate,
            "lowest_round": min(rates) * webhooks,
            "highest_round": max(rates) * webhooks,
            **cpu_cost(cpu, len(times) * len(portions) * webhooks, "webhook"),
        },
        settings={
            "client": "asyncpg, binary COPY of bytes made before",
            "tables": ", ".join(TABLES),
            "clients": clients,
            "webhooks_per_transaction": webhooks,
            "transactions_per_round": len(portions),
            "rounds": len(times),
        },
    )


async def _copy(
    connection: asyncpg.Connection[asyncpg.Record], portions: Sequence[Portion]
) -> None:
    for portion in portions:
        async with connection.transaction():
            for table, rows in portion.items():
                await connection.copy_to_table(table, source=_whole(rows), format="binary")


async def _whole(rows: bytes) -> AsyncIterator[bytes]:
    yield rows


async def rows_of(where: Room, portions: int) -> list[Portion]:
    """Return the rows that lie in the room, divided into portions in the order of arrival."""
    connection = await asyncpg.connect(where.dsn)
    found: dict[str, bytes] = {}
    try:
        for table, order in TABLES.items():
            taken = bytearray()

            async def take(data: bytes, taken: bytearray = taken) -> None:
                taken.extend(data)

            await connection.copy_from_query(
                f"select * from {table} order by {order}",  # noqa: S608 - our own names
                output=take,
                format="binary",
            )
            found[table] = bytes(taken)
    finally:
        await connection.close()
    return portions_of(found, portions)


async def commit_time(where: Room, *, apart: float = 0.0, seconds: float = 2.0) -> Limit:
    """Measure BEGIN, an insert of one small row, COMMIT, in milliseconds (the value is the median).

    By pgbench: asyncpg alone costs more than the three round trips. `apart` is the mean time in
    seconds between the beginnings of two; 0: the next follows at once.
    """
    ran = await run_script(
        where.dsn,
        _ONE_ROW,
        within=30 + seconds,
        settling=SETTLING,
        options=(
            f"--time={max(1, round(seconds))}",
            *((f"--rate={1 / apart}",) if apart else ()),
        ),
    )
    found = spread(ran.times, "ms", 1e3)
    return Limit(
        name="commit",
        value=found["p50_ms"],
        unit="ms",
        also=found
        | {
            f"{command.split()[0].strip(';')}_mean_ms": 1e3 * mean for command, mean in ran.commands
        },
        settings={
            "client": await pgbench_version(),
            "protocol": "prepared",
            "transaction": "begin; insert of one row into dedupe_ledger; commit",
            "apart_s": apart,
            "seconds": max(1, round(seconds)),
        },
    )
