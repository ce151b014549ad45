"""The ingress with confirm against the empty handler: rate, CPU, and latency at half of its maximum."""

from __future__ import annotations

from typing import Final

from bench.figures import Figure, Target
from bench.limits.broker import confirm_time
from bench.load.generator import Load, send
from bench.scenes.stage import DISTINCT, EMPTY_AT_MOST, Stage, empty_handler, flat_out
from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE

AT_MOST: Final = 30_000.0  # requests a second that are prepared for the ingress
MESSAGE_BYTES: Final = 1200  # a message with one webhook


async def ingress(stage: Stage, _sustained: float) -> list[Figure]:
    """Measure one ingress alone with the broker; what it publishes is thrown away afterwards."""
    repetitions = 2 if stage.quick else 5
    seconds = stage.seconds(4, 2)
    house = stage.house
    ratios, cpu, rates, limits = [], [], [], []
    await house.start("ingress")
    async with empty_handler() as (port, pid):
        for n in range(repetitions):
            stage.progress(f"ingress against the empty handler, {n + 1} of {repetitions}")
            e = await flat_out(stage, port, pid, seconds=seconds, at_most=EMPTY_AT_MOST)
            ours = await flat_out(
                stage,
                house.port,
                house.pids["ingress"],
                seconds=seconds,
                at_most=AT_MOST,
            )
            await house.purge(NORMALIZER_QUEUE, ARCHIVE_QUEUE)
            ratios.append(ours.per_second / e.per_second)
            cpu.append(ours.cpu_us / e.cpu_us)
            rates.append((ours.per_second, ours.cpu_us))
            limits.append((e.per_second, e.cpu_us))
    latency = await _latency_at_half(stage, max(rate for rate, _ in rates) / 2)
    await house.stop("ingress")
    beside = {
        "ingress_per_second": [round(rate) for rate, _ in rates],
        "ingress_cpu_us": [round(us, 1) for _, us in rates],
        "empty_per_second": [round(rate) for rate, _ in limits],
        "empty_cpu_us": [round(us, 1) for _, us in limits],
        "connections": stage.connections,
    }
    return [
        Figure(
            key="ingress_rate",
            title="ingress with confirm, one process, against E",
            values=tuple(ratios),
            target=Target(at_least=0.6),
            beside=beside,
        ),
        Figure(
            key="ingress_cpu",
            title="CPU per webhook, ingress against E",
            values=tuple(cpu),
            target=Target(at_most=1.6),
            beside=beside,
        ),
        latency,
    ]


async def _latency_at_half(stage: Stage, rate: float) -> Figure:
    """Open loop at half of the maximum: p99 of the answer against one confirmed publish."""
    values, accepts, confirms = [], [], []
    for n in range(2 if stage.quick else 3):
        stage.progress(f"latency of accept at {rate:.0f}/s, {n + 1}")
        confirm = await confirm_time(
            stage.house.servers.amqp_url, size=MESSAGE_BYTES, seconds=stage.seconds(2, 1)
        )
        told = await send(
            Load(
                port=stage.house.port,
                seconds=stage.seconds(8, 4),
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
