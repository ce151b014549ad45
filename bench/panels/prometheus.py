"""A Prometheus of our own: started, told what to scrape, and asked."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from libs.embedded.children import start_child
from libs.embedded.ports import LOOPBACK, free_port

SCRAPED_EVERY: Final = 2  # seconds
READY_WITHIN: Final = 30.0
RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
Series = tuple[dict[str, str], list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Where it answers."""

    url: str

    async def over(self, expression: str, begin: float, until: float, step: float) -> list[Series]:
        """Return the series of an expression between two moments (Unix time)."""
        told = {"query": expression, "start": begin, "end": until, "step": step}
        found = await self._ask("query_range", told)
        return [
            (each["metric"], [(float(at), float(value)) for at, value in each["values"]])
            for each in found
        ]

    async def at(self, expression: str, moment: float) -> list[tuple[dict[str, str], float]]:
        """Return the values of an expression at a moment."""
        found = await self._ask("query", {"query": expression, "time": moment})
        return [(each["metric"], float(each["value"][1])) for each in found]

    async def _ask(self, what: str, told: Mapping[str, object]) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({name: str(value) for name, value in told.items()})
        answer = await asyncio.to_thread(_read, f"{self.url}/api/v1/{what}?{query}")
        found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return found


@asynccontextmanager
async def prometheus(home: Path, targets: Mapping[str, int]) -> AsyncIterator[Prometheus]:
    """Scrape these jobs, at ports of loopback, as long as the block lasts. Raises `RuntimeError` without one."""
    program = shutil.which("prometheus")
    if program is None:
        raise RuntimeError(
            "no prometheus: deploy/dev/ensure-promtool installs Debian's, where it may"
        )
    config, port = home / "prometheus.json", free_port()
    config.write_text(json.dumps(_config(targets)))  # JSON is YAML
    argv = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={home / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with (home / "prometheus.log").open("ab") as log:
        child = await start_child(argv, name="prometheus", stdout=log, stderr=log)
    try:
        url = f"http://{LOOPBACK}:{port}"
        async with asyncio.timeout(READY_WITHIN):
            while not await asyncio.to_thread(_ready, url):
                await asyncio.sleep(0.2)
        yield Prometheus(url)
    finally:
        await child.stop(10.0)


def _config(targets: Mapping[str, int]) -> dict[str, Any]:
    every = f"{SCRAPED_EVERY}s"
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"{LOOPBACK}:{port}"]}]}
            for job, port in targets.items()
        ],
    }


def _ready(url: str) -> bool:
    try:
        _read(f"{url}/-/ready")
    except OSError:
        return False
    return True


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
        return bytes(answer.read())
