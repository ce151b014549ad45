"""All that answers HTTP, and the workers behind it, on a thread beside the tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libs.bus.topology import apply_topology
from libs.providers.registry import PROVIDERS
from libs.runtime.secret_references import SecretReader
from libs.runtime.settings import Settings, load_settings
from libs.runtime.sources import read_sources
from services.admin.run import run as run_operators
from services.admin.tokens import Tokens
from services.ingress.run import run as run_ingress
from services.normalizer.run import run as run_normalizer
from services.reconciler.run import run as run_reconciler
from tests.integration.surface.lanes import Lanes

TOKEN: Final = "token-of-ana-which-is-long-enough"
WORD: Final = "open-sesame"
SOURCES: Final = f"""
[sources.clip]
provider = "clip"
authentication = {{ kind = "query_token", parameter = "token", secrets = ["literal:{WORD}"] }}

[sources.conectados]
provider = "conectados"
authentication = {{ kind = "query_token", parameter = "token", secrets = ["literal:{WORD}"] }}

[sources.mobbex]
provider = "mobbex"
authentication = {{ kind = "none" }}

[sources.safe2pay]
provider = "safe2pay"
authentication = {{ kind = "body_field", field = "SecretKey", secrets = ["literal:{WORD}"] }}
"""
# No limit on failures: with the usual ones, all but the first would be told 429.
UNLIMITED: Final = {
    "address_failure_rate": 100_000,
    "address_failure_burst": 1_000_000,
    "source_failure_rate": 100_000,
    "source_failure_burst": 1_000_000,
}


@dataclass(frozen=True)
class House:
    """Where it answers. What is sent to `both` reaches the ingress over both lanes, see `lanes.py`."""

    ingress: str
    both: str
    operators: str
    lanes: Lanes


@contextmanager
def house(amqp_url: str, dsn: str, spool: Path, **limits: object) -> Iterator[House]:
    """Run it as long as the block lasts."""
    ready: Future[House] = Future()
    loop, leave = asyncio.new_event_loop(), asyncio.Event()
    settings = load_settings(
        amqp_url=amqp_url,
        postgres_dsn=dsn,
        ingress_port=0,
        admin_port=0,
        grace=5,
        spool_dir=spool,
        polling=False,
        **limits,
    )

    def live() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(_living(settings, leave, ready))
            except BaseException as error:
                if ready.done():
                    raise
                ready.set_exception(error)

    thread = threading.Thread(target=live, name="house")
    thread.start()
    try:
        yield ready.result(60)
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(60)


async def _living(settings: Settings, leave: asyncio.Event, ready: Future[House]) -> None:
    await apply_topology(settings.required_amqp_url())
    sources = read_sources(SOURCES, PROVIDERS, SecretReader(Path(), {}))
    tokens = Tokens({"ana": TOKEN})
    here = asyncio.get_running_loop().create_future
    ingress: asyncio.Future[str] = here()
    operators: asyncio.Future[str] = here()
    async with asyncio.TaskGroup() as living:
        for each in (
            run_ingress(settings, sources, leave, listening=ingress.set_result),
            run_normalizer(settings, sources, leave),
            run_reconciler(settings, leave, sources=sources),
            run_operators(settings, tokens, leave, sources=sources, listening=operators.set_result),
        ):
            living.create_task(each)
        async with Lanes(url := await ingress) as lanes:
            ready.set_result(House(url, lanes.url, await operators, lanes))
            await leave.wait()
