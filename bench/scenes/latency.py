"""How long a webhook takes to become an event, against the sum of what that consists of.

The time runs from when the webhook was due to when the consumer has the event. The delivery's id
in the event leads to the archive, which has the webhook's number in `X-Request-Id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from bench.figures import Figure, Target
from bench.limits.broker import confirm_time
from bench.limits.figures import Limit, percentile
from bench.limits.parts import APART, http_time, summed
from bench.limits.postgres import commit_time
from bench.limits.room import room
from bench.load.corpus import Corpus
from bench.load.generator import Load
from bench.load.times import read_times
from bench.observer import Arrival
from bench.scenes.stage import Stage, empty_cpu
from bench.scenes.sustained import Run, carry
from bench.scenes.systems import Caudal

IDLE_RATE = 10.0  # webhooks a second
# Seconds between two of a part. Back to back is the strict way, in which the parts themselves do not
# reach what is asked of the whole: at rest each of them begins with waking up a core.
BY_KEY = {"": APART, "_back_to_back": 0.0}
MESSAGE_BYTES = 1200
WARM_UP = 2.0  # seconds at the beginning of a load that are not counted


@dataclass(frozen=True, slots=True)
class _Load:
    """How many webhooks a second; `bounds` is what is asked of each percentile."""

    name: str
    title: str
    rate: float
    bounds: Mapping[int, float]


async def latency(stage: Stage, sustained: float) -> list[Figure]:
    """Measure at rest and at half of what is sustained; the parts before and after each."""
    figures = []
    await Caudal().start(stage.house)
    after = await _sums(stage)
    for at, seconds in (
        (_Load("idle", "idle (10/s)", IDLE_RATE, {50: 2.5, 99: 6}), stage.seconds(25, 10)),
        (
            _Load("half", "at half of the maximum", sustained / 2, {50: 5, 99: 20}),
            stage.seconds(20, 7),
        ),
    ):
        samples, sums, cpu = [], [], []
        for n in range(1 if stage.quick else 2):
            stage.progress(f"latency, {at.title}, {n + 1}")
            before = after
            run, took = await _webhook_to_event(stage, at.rate, seconds)
            samples.append(sorted(took))
            cpu.append({name: round(us) for name, us in run.cpu_us.items()})
            after = await _sums(stage)
            sums.append({key: (before[key] + after[key]) / 2 for key in before})
        empty = {"flat_out": 0.0, "at_this_rate": at.rate}
        also = {
            "cpu_us": cpu,
            "empty_cpu_us": {n: round(await empty_cpu(stage, rate)) for n, rate in empty.items()},
        }
        figures += [
            _figure(at, share, how, samples=samples, sums=sums, also=also)
            for how in BY_KEY
            for share in at.bounds
        ]
    await Caudal().stop(stage.house)
    return figures


def _figure(  # noqa: PLR0913 - what one figure is made of
    at: _Load,
    share: int,
    how: str,
    *,
    samples: Sequence[Sequence[float]],
    sums: Sequence[Mapping[tuple[str, int], float]],
    also: Mapping[str, object],
) -> Figure:
    found = [percentile(sample, share) for sample in samples]
    wholes = [each[how, share] for each in sums]
    measured = f"{1000 * BY_KEY[how]:.0f} ms apart" if BY_KEY[how] else "back to back"
    return Figure(
        key=f"latency_{at.name}_p{share}{how}",
        title=f"latency webhook → event, {at.title}, p{share}, against the sum of its parts {measured}",
        values=tuple(ms / whole for ms, whole in zip(found, wholes, strict=True)),
        target=Target(at_most=at.bounds[share]),
        beside={
            "rate": round(at.rate),
            "samples": [len(sample) for sample in samples],
            "latency_ms": [round(ms, 3) for ms in found],
            "sum_of_parts_ms": [round(ms, 3) for ms in wholes],
            **also,
        },
    )


async def _sums(stage: Stage) -> dict[tuple[str, int], float]:
    """Return the sums of the parts in milliseconds, by how they are measured and percentile."""
    found: dict[tuple[str, int], float] = {}
    for how, apart in BY_KEY.items():
        whole = await sum_of_parts(stage, apart)
        found |= {(how, share): whole.also[f"p{share}_ms"] for share in (50, 99)}
    return found


async def sum_of_parts(stage: Stage, apart: float) -> Limit:
    """One HTTP round trip, three confirmed publishes, one commit, each measured alone now."""
    seconds = stage.seconds(2, 0.6)
    requests = Corpus(1, "parts").requests(500)
    http = await http_time(requests, apart=apart, seconds=seconds)
    publish = await confirm_time(
        stage.house.servers.amqp_url, size=MESSAGE_BYTES, apart=apart, seconds=seconds
    )
    async with room(stage.house.servers.postgres_dsn, 1) as where:
        commit = await commit_time(where, apart=apart, seconds=seconds)
    return summed(http, publish, commit)


async def _webhook_to_event(stage: Stage, rate: float, seconds: float) -> tuple[Run, list[float]]:
    """Return a run, and the milliseconds from due to event of every webhook that caused one."""
    times = stage.house.home / "due.bin"
    run = await carry(
        stage,
        Caudal(),
        Load(
            port=stage.house.port,
            seconds=seconds,
            rate=rate,
            connections=stage.connections,
            run=stage.fresh(),
            times=times,
        ),
    )
    due = read_times(times).due
    numbers = await _numbers(stage.house.servers.postgres_dsn, run.told.accepted)
    warm = run.told.begun + WARM_UP
    return run, [
        1000 * (arrival.at - due[numbers[arrival.delivery_id]])
        for arrival in _firsts(run.arrivals)
        if arrival.delivery_id in numbers and due[numbers[arrival.delivery_id]] >= warm
    ]


def _firsts(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Of the events that one delivery caused, the first."""
    first: dict[str, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.delivery_id, arrival)
    return list(first.values())


async def _numbers(dsn: str, newest: int) -> dict[str, int]:
    """Return the numbers of the newest deliveries by id, as their requests told them."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select id::text, headers->>'x-request-id' as number from deliveries"
            " order by id desc limit $1",  # UUIDv7: in order of time
            newest,
        )
    finally:
        await connection.close()
    return {row["id"]: int(row["number"]) for row in rows}
