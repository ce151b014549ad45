"""One object of which 10,000 things were said, and of which more is said, among all the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Final

from bench.figures import Figure, Target
from bench.load.corpus import HOT_SOURCE, hot_body
from bench.load.generator import Load
from bench.scenes.growth import rate_on
from bench.scenes.stage import Stage, database
from bench.scenes.sustained import carry
from bench.scenes.systems import Caudal
from libs.contracts.delivery import Delivery
from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Kind
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from services.normalizer.translate import Translator
from services.reconciler.crowd import REST
from services.reconciler.steps import CROWDED

OBSERVATIONS: Final = 10_000
QUICK: Final = 3_000
SHARE: Final = 0.02  # of the webhooks that come are about the hot object
REPETITIONS: Final = 2
FOLDED: Final = (CROWDED, 1_000, OBSERVATIONS)


async def hot(stage: Stage, _sustained: float) -> list[Figure]:
    """Compare what gets through with and without the hot object among it, in turns."""
    cool_dsn = await database(stage, "bench_cool")
    hot_dsn = await database(stage, "bench_hot")
    count = QUICK if stage.quick else OBSERVATIONS
    stage.progress(f"{count:,} observations of one object")
    first = await _heat(stage, hot_dsn, count // 2)
    last = await _heat(stage, hot_dsn, count - count // 2)
    rates: dict[str, list[float]] = {cool_dsn: [], hot_dsn: []}
    for n in range(1 if stage.quick else REPETITIONS):
        stage.progress(f"with and without the hot object, {n + 1}")
        # the other way round each time: an hour that becomes slower speaks for neither
        for dsn, share in ((cool_dsn, 0.0), (hot_dsn, SHARE))[:: 1 if n % 2 == 0 else -1]:
            rates[dsn].append(await rate_on(stage, dsn, hot_share=share))
    without, with_it = rates[cool_dsn], rates[hot_dsn]
    return [
        Figure(
            key="hot_rest",
            title=f"throughput with one object of {count:,} observations, {SHARE:.0%} about it",
            values=tuple(b / a for a, b in zip(without, with_it, strict=True)),
            target=Target(at_least=0.95),
            beside={
                "without_per_second": [round(rate) for rate in without],
                "with_per_second": [round(rate) for rate in with_it],
            },
        ),
        Figure(
            key="hot_fold",
            title="rate of the hot object's second half of observations against its first half",
            values=(last / first,),
            target=Target(at_least=0.8),
            beside={
                "first_per_second": round(first),
                "second_per_second": round(last),
                "fold_ms": {number: round(fold_ms(number), 2) for number in FOLDED},
                "folded_at_once_beyond": CROWDED,
                "share_of_the_time_at_most": round(1 / (1 + REST), 4),
            },
        ),
    ]


def fold_ms(number: int) -> float:
    """Return the CPU of one fold over so many observations of the hot object, in milliseconds."""
    translator = Translator(PROVIDERS, {slug: Terms() for slug in PROVIDERS})
    received = datetime(2026, 1, 15, 12, tzinfo=UTC)
    said = [
        reading
        for n in range(number)
        for reading in translator.outcome_of(
            Delivery(
                id=f"019b0000-0000-7000-8000-{n:012x}",
                source=HOT_SOURCE,
                provider=HOT_SOURCE,
                body=hot_body(str(n)).raw,
                received_at=received + timedelta(seconds=n),
                authority=Authority.SECRET,
            )
        ).readings
        if isinstance(reading, Observation)
    ]
    if len(said) != number:
        raise RuntimeError(f"{number} webhooks of the hot object say {len(said)} things")
    begun = process_time()
    fold(Kind.PAYMENT, said)
    return 1e3 * (process_time() - begun)


async def _heat(stage: Stage, dsn: str, count: int) -> float:
    """Say so many things about the hot object, and return how many a second got through."""
    there, system = stage.on(dsn), Caudal()
    await system.start(there.house)
    try:
        run = await carry(
            there,
            system,
            Load(
                port=there.house.port,
                seconds=60,
                connections=stage.connections,
                run=stage.fresh(),
                count=count,
                hot_share=1.0,
            ),
        )
    finally:
        await system.stop(there.house)
    return run.per_second
