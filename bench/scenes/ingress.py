"""The ingress with confirm against the empty handler: rate, CPU, and latency at half of its maximum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from bench.figures import Figure, Target
from bench.limits.broker import confirm_time
from bench.load.generator import Load, send
from bench.scenes.stage import DISTINCT, EMPTY_AT_MOST, Rate, Stage, empty_handler, flat_out
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE
from libs.embedded.variables import AMQP_URL

TURNS: Final = 6
AT_MOST: Final = 30_000.0  # requests a second that are prepared for the ingress
MESSAGE_BYTES: Final = 1200  # a message with one webhook


async def ingress(stage: Stage, _sustained: float) -> list[Figure]:
    """Measure one ingress alone with the broker; what it publishes is thrown away afterwards.

    Short turns and many: what slows the machine for seconds falls on all that take turns, and the
    median is not moved by one.
    """
    seconds = stage.seconds(3, 1)
    house = stage.house
    told: dict[str, list[Rate]] = {"empty": [], "bare": [], "ingress": []}
    await house.start("ingress")
    async with AsyncExitStack() as beside_it:
        servers = {
            "empty": await beside_it.enter_async_context(empty_handler()),
            "ingress": (house.port, house.pids["ingress"]),
        }
        if not stage.quick:
            bare = empty_handler("bench.bare", {AMQP_URL: house.servers.amqp_url})
            servers["bare"] = await beside_it.enter_async_context(bare)
        for n in range(TURNS):
            stage.progress(f"ingress against the empty handler, {n + 1} of {TURNS}")
            for name, (port, pid) in servers.items():
                at_most = EMPTY_AT_MOST if name == "empty" else AT_MOST
                told[name].append(
                    await flat_out(stage, port, pid, seconds=seconds, at_most=at_most)
                )
                await house.purge(NORMALIZER_QUEUE, ARCHIVE_QUEUE)
    latency = await _latency_at_half(stage, max(one.per_second for one in told["ingress"]) / 2)
    await house.stop("ingress")
    beside: dict[str, Any] = {"connections": stage.connections}
    for name in servers:
        rates = told[name]
        beside[f"{name}_per_second"] = [round(one.per_second) for one in rates]
        beside[f"{name}_cpu_us"] = [round(one.cpu_us, 1) for one in rates]
    found = [*_against_empty(told, "ingress", "ingress with confirm, one process", beside), latency]
    if not stage.quick:
        found += _against_empty(told, "bare", "the same with nothing in it", beside)
    return found


def _against_empty(
    told: Mapping[str, Sequence[Rate]], name: str, title: str, beside: Mapping[str, Any]
) -> list[Figure]:
    """Compare rate and CPU of one, turn by turn; only the ingress itself has targets."""
    pairs = list(zip(told[name], told["empty"], strict=True))
    ours = name == "ingress"
    return [
        Figure(
            key=f"{name}_rate",
            title=f"{title}, against E",
            values=tuple(one.per_second / e.per_second for one, e in pairs),
            target=Target(at_least=0.6) if ours else None,
            beside=beside,
        ),
        Figure(
            key=f"{name}_cpu",
            title=f"CPU per webhook, {title}, against E",
            values=tuple(one.cpu_us / e.cpu_us for one, e in pairs),
            target=Target(at_most=1.6) if ours else None,
            beside=beside,
        ),
    ]


async def _latency_at_half(stage: Stage, rate: float) -> Figure:
    """Open loop at half of the maximum: p99 of the answer against one confirmed publish."""
    values, accepts, confirms = [], [], []
    for n in range(1 if stage.quick else 2):
        stage.progress(f"latency of accept at {rate:.0f}/s, {n + 1}")
        confirm = await confirm_time(
            stage.house.servers.amqp_url, size=MESSAGE_BYTES, seconds=stage.seconds(2, 1)
        )
        told = await send(
            Load(
                port=stage.house.port,
                seconds=stage.seconds(8, 3),
                rate=rate,
                connections=stage.connections,
                run=stage.fresh(),
                distinct=DISTINCT,
            )
        )
        await stage.house.purge(NORMALIZER_QUEUE, ARCHIVE_QUEUE)
        accepts.append(told.latency_ms)
        confirms.append(dict(confirm.also))
        values.append(told.latency_ms["p99"] / confirm.also["p99_ms"])
    return Figure(
        key="accept_latency",
        title="p99 of accept at half of the ingress' maximum, against p99 of one confirmed publish",
        values=tuple(values),
        target=Target(at_most=6),
        beside={"rate": round(rate), "accept_ms": accepts, "confirm_ms": confirms},
    )
