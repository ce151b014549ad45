"""All limits of this machine, one after the other, on servers that do nothing else meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.limits.broker import confirm_time, confirmed_rate
from bench.limits.captured import capture
from bench.limits.disk import data_folder, sync_time
from bench.limits.figures import Limit
from bench.limits.machine import machine
from bench.limits.parts import APART, http_time, summed
from bench.limits.postgres import commit_time, copied_rate, replayable, replayed_rate, rows_of
from bench.limits.room import room
from bench.limits.webhooks import TOGETHER, Sizes, deliveries
from bench.load.corpus import Corpus
from libs.embedded.postgres import EmbeddedPostgres
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.servers import Servers

_SAMPLE: Final = 1000  # webhooks whose size is measured
_SEED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured.

    `seconds` is for each figure; `apart` the time in seconds between two in the idle parts, which
    are measured back to back as well. `clients` are the numbers of connections to Postgres, each of
    which has `batches` batches of `webhooks` webhooks, again and again.
    """

    seconds: float = 2.0
    apart: float = APART
    clients: tuple[int, ...] = (1, 2, 4)
    batches: int = 40
    webhooks: int = 100


async def measure(
    servers: Servers,
    home: Path,
    extent: Extent | None = None,
    *,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure everything; `home` is the servers' data directory. What comes is JSON's."""
    wanted = extent or Extent()
    on_progress("machine")
    told = await machine(servers, home)
    limits = {
        "broker": await _broker(servers, wanted, on_progress),
        **await _postgres(servers, wanted, on_progress),
        "fsync": await _disk(home, wanted, on_progress),
        "parts": await _parts(servers, wanted, on_progress),
    }
    return {
        "machine": told,
        **{name: [limit.as_json() for limit in found] for name, found in limits.items()},
    }


def server_pids(servers: Servers) -> tuple[int | None, int | None]:
    """Return the pids of the broker and of Postgres, where they are children of ours."""
    broker, postgres = servers.rabbitmq, servers.postgres
    return (
        broker.node.pid if isinstance(broker, EmbeddedRabbit) and broker.node else None,
        postgres.child.pid if isinstance(postgres, EmbeddedPostgres) and postgres.child else None,
    )


async def _broker(
    servers: Servers, wanted: Extent, on_progress: Callable[[str], None]
) -> list[Limit]:
    sizes = Sizes.of(deliveries(_SEED, "sizes", _SAMPLE))
    found = []
    for size, webhooks in ((sizes.body, 1), (sizes.one, 1), (sizes.together, TOGETHER)):
        on_progress(f"broker, messages of {size} bytes")
        found.append(
            await confirmed_rate(
                servers.amqp_url,
                size=size,
                webhooks=webhooks,
                seconds=wanted.seconds,
                server=server_pids(servers)[0],
            )
        )
    return found


async def _postgres(
    servers: Servers, wanted: Extent, on_progress: Callable[[str], None]
) -> dict[str, list[Limit]]:
    most = max(wanted.clients)
    async with room(servers.postgres_dsn, most, server_pids(servers)[1]) as where:
        on_progress("capturing what Caudal says to Postgres")
        captured = await capture(
            where, batches=wanted.batches, webhooks=wanted.webhooks, seed=_SEED
        )
        rows = await rows_of(where, wanted.batches * most)
        copied, replayed = [], []
        for clients in wanted.clients:
            on_progress(f"COPY over {clients} connections")
            copied.append(
                await copied_rate(
                    where, rows, wanted.webhooks, clients=clients, seconds=wanted.seconds
                )
            )
        async with replayable(where, captured) as script:
            for clients in wanted.clients:
                on_progress(f"pgbench over {clients} connections")
                replayed.append(
                    await replayed_rate(
                        where, captured, script, clients=clients, seconds=wanted.seconds
                    )
                )
    return {"postgres_copy": copied, "pgbench": replayed}


async def _disk(home: Path, wanted: Extent, on_progress: Callable[[str], None]) -> list[Limit]:
    on_progress("disk")
    return [
        await asyncio.to_thread(sync_time, data_folder(home), size=size, seconds=wanted.seconds / 2)
        for size in (4096, 8192)
    ]


async def _parts(
    servers: Servers, wanted: Extent, on_progress: Callable[[str], None]
) -> list[Limit]:
    """Measure the parts and their sum back to back, and again apart."""
    requests = Corpus(_SEED, "parts").requests(_SAMPLE)
    size = Sizes.of(deliveries(_SEED, "sizes", _SAMPLE)).one
    found = []
    async with room(servers.postgres_dsn, 1) as where:
        for apart in (0.0, wanted.apart):
            on_progress(f"parts of the idle latency, {apart} s apart")
            http = await http_time(requests, apart=apart, seconds=wanted.seconds)
            publish = await confirm_time(
                servers.amqp_url, size=size, apart=apart, seconds=wanted.seconds
            )
            commit = await commit_time(where, apart=apart, seconds=wanted.seconds)
            found += [http, publish, commit, summed(http, publish, commit)]
    return found
