"""Whether a webhook waits where providers are asked: with APIs that answer, and with APIs that fail.

The sandbox is the driver: it loses a share of the news and answers its APIs, in turns well and badly
(500s, half answers, silence until the caller gives up). What is compared is how long a webhook waits
for its 2xx, counted from when it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import Figure, Target
from bench.house import WORKERS
from bench.limits.figures import percentile
from bench.scenes.stage import Stage
from libs.embedded.ports import LOOPBACK, free_port
from services.sandbox.accounts import accounts_of
from services.sandbox.chaos import ApiFaults
from services.sandbox.run import Play, Sandbox
from services.sandbox.sources_file import sources_text
from services.simulator.credentials import credentials_from
from services.simulator.ledger import read_ledger
from services.simulator.pace import Pace
from services.simulator.plan import Plan, tap_of

TURNS: Final = 2
RATE: Final = 250.0  # webhooks a second, of which a sandbox in Python is sure
# The first are asked for after 3 s of silence, and what is lost has to come up first.
SECONDS: Final = 20.0
CALLS: Final = 20  # beside healthy APIs; with fewer, nothing was compared
LOST: Final = 0.05
MANNERS: Final[Mapping[str, ApiFaults]] = {
    "well": ApiFaults(),
    "failing": ApiFaults(errors=0.3, timeouts=0.3, half=0.3),
}


async def asking(stage: Stage, _sustained: float) -> list[Figure]:
    """Measure p50 and p99 of accept beside failing APIs, against the same beside healthy ones."""
    house = stage.house
    port = free_port()
    sources = house.home / "asked.toml"
    sources.write_text(sources_text(f"http://{LOOPBACK}:{port}"), encoding="utf-8")
    await house.start(*WORKERS, environment={"CAUDAL_SOURCES": str(sources)})
    took: dict[str, list[Sequence[float]]] = {manner: [] for manner in MANNERS}
    calls: dict[str, list[Mapping[str, Any]]] = {manner: [] for manner in MANNERS}
    for n in range(TURNS):
        for manner, faults in MANNERS.items():
            stage.progress(f"asking providers whose APIs are {manner}, {n + 1} of {TURNS}")
            waited, called = await _accepts(stage, sources, port, faults)
            if manner == "well" and sum(sum(each.values()) for each in called.values()) < CALLS:
                raise RuntimeError(f"providers were asked less than {CALLS} times: {called}")
            took[manner].append(waited)
            calls[manner].append(called)
    await house.stop(*WORKERS)
    beside: dict[str, Any] = {"rate": RATE, "calls": calls}
    return [
        _figure(share, took, beside, target)
        for share, target in ((50, Target(at_most=1.2)), (99, None))
    ]


def _figure(
    share: int,
    took: Mapping[str, Sequence[Sequence[float]]],
    beside: Mapping[str, Any],
    target: Target | None,
) -> Figure:
    found = {
        manner: [percentile(sorted(sample), share) for sample in samples]
        for manner, samples in took.items()
    }
    return Figure(
        key=f"asking_accept_p{share}",
        title=f"accept at {RATE:.0f}/s beside failing APIs, p{share}, against beside healthy ones",
        values=tuple(bad / good for bad, good in zip(found["failing"], found["well"], strict=True)),
        target=target,
        beside={
            **beside,
            **{f"{manner}_ms": [round(ms, 2) for ms in each] for manner, each in found.items()},
        },
    )


async def _accepts(
    stage: Stage, sources: Path, port: int, faults: ApiFaults
) -> tuple[Sequence[float], Mapping[str, Any]]:
    """Post for a while; return the milliseconds of each accepted webhook, and how APIs were called."""
    house = stage.house
    credentials = credentials_from(sources)
    run = stage.fresh()
    plan = Plan.from_seed(1, run=run, count=int(RATE * SECONDS), losses=LOST)
    ledger = house.home / f"{run}.jsonl"
    sandbox = Sandbox(
        Play(
            plan=plan, pace=Pace(rate=RATE), faults=faults,
            url=f"http://{LOOPBACK}:{house.port}", credentials=credentials,
            accounts=accounts_of(credentials.sources.values()), ledger=ledger,
            tap=tap_of(plan.options), port=port, stays=False,
        )
    )  # fmt: skip
    await sandbox.run(asyncio.Event(), lambda _: None)
    answers = await asyncio.to_thread(read_ledger, ledger)
    return answers.accept_ms, {name: dict(found) for name, found in sandbox.chaos.outcomes.items()}
