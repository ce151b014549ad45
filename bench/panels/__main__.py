"""`python -m bench.panels`: a stack under load, scraped, and the panels of its overview drawn.

No Grafana is needed: what is drawn are the expressions of deploy/grafana/dashboards/overview.json, as Prometheus
answers them. On the way a provider's secret is wrong for a while, and the normalizer is stopped for a minute, so that there
is something to be seen.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from bench.house import WORKERS, House, house
from bench.panels.draw import Drawing, named
from bench.panels.prometheus import Prometheus, prometheus
from libs.embedded.ports import LOOPBACK, free_port
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel

DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD: Final = DEPLOY / "dashboards" / "overview.json"
OUT: Final = DEPLOY / "overview.png"
INTERVAL: Final = (
    "20s"  # what Grafana makes of $__rate_interval from a scrape each 2 s, and some more
)
POINTS: Final = 300
SHUT: Final = (0.45, 0.6)  # of the time, between which the normalizer is stopped
STRANGER: Final = 0.75  # of the time, after which somebody tries credentials


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.5), default=10.0, show_default=True)
@click.option(
    "--rate",
    type=click.FloatRange(min=1),
    default=150.0,
    show_default=True,
    help="Webhooks a second.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=OUT, show_default=True
)
def main(minutes: float, rate: float, out: Path) -> None:
    """Draw the overview of a stack under load."""
    configure_logs("panels", LogLevel.ERROR)
    with tempfile.TemporaryDirectory(prefix="caudal-panels-") as folder:
        asyncio.run(_run(Path(folder), 60 * minutes, rate, out))


async def _run(home: Path, seconds: float, rate: float, out: Path) -> None:
    async with house(home) as stack:
        ports = {name: free_port() for name in WORKERS}
        for name in WORKERS:
            await stack.start(name, environment={"CAUDAL_METRICS_PORT": str(ports[name])})
        targets = {
            **ports,
            "ingress": stack.port,
        }  # which tells it on its own port, as it is loopback's
        async with prometheus(home, targets) as asked:
            begun = time.time()
            click.echo(f"panels: {rate:.0f} webhooks a second for {seconds:.0f} s", err=True)
            await asyncio.gather(
                _load(stack, seconds, rate), _trouble(stack, seconds, ports["normalizer"])
            )
            await asyncio.sleep(10)
            await _draw(asked, begun, out, rate)
    click.echo(f"panels: {out}", err=True)


async def _load(stack: House, seconds: float, rate: float) -> None:
    url = f"http://{LOOPBACK}:{stack.port}"
    argv = [sys.executable, "-P", "-m", "services.cli", "simulate", "--url", url]
    argv += ["--duration", f"{seconds:.0f}", "--rate", f"{rate}", "--data-dir", str(stack.home)]
    child = await stack.spawn("simulate", argv)
    await child.wait()


async def _trouble(stack: House, seconds: float, port: int) -> None:
    """Stop the normalizer for a while, and try credentials that are none."""
    await asyncio.sleep(seconds * SHUT[0])
    await stack.stop("normalizer")
    await asyncio.sleep(seconds * (SHUT[1] - SHUT[0]))
    await stack.start("normalizer", environment={"CAUDAL_METRICS_PORT": str(port)})
    await asyncio.sleep(seconds * (STRANGER - SHUT[1]))
    for _ in range(40):
        await asyncio.to_thread(_knock, f"http://{LOOPBACK}:{stack.port}/webhooks/clip?token=none")
        await asyncio.sleep(0.5)


def _knock(url: str) -> None:
    request = urllib.request.Request(url, data=b"{}")  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - the same
            return
    except urllib.error.HTTPError as refused:
        refused.close()


async def _draw(asked: Prometheus, begun: float, out: Path, rate: float) -> None:
    until = time.time()
    for labels, _ in await asked.at('ALERTS{alertstate="firing"}', until):
        click.echo(f"panels: {labels['alertname']} fires", err=True)
    dashboard = json.loads(DASHBOARD.read_text())
    when = datetime.fromtimestamp(begun, UTC)
    title = f"{dashboard['title']}: {rate:.0f} webhooks a second from the simulator, {when:%Y-%m-%d %H:%M} UTC"
    drawing = Drawing(dashboard, title)
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            drawing.row(panel)
        elif panel["type"] == "timeseries":
            drawing.lines(panel, await _lines(asked, panel, begun, until))
        else:
            drawing.figures(panel, await _figures(asked, panel, until))
    drawing.save(out)


async def _lines(
    asked: Prometheus, panel: dict[str, Any], begun: float, until: float
) -> list[tuple[str, Any]]:
    step = max((until - begun) / POINTS, 1.0)
    return [
        (target["legendFormat"], series)
        for target in panel["targets"]
        for series in await asked.over(_filled(target), begun, until, step)
    ]


async def _figures(
    asked: Prometheus, panel: dict[str, Any], until: float
) -> list[tuple[str, float]]:
    return [
        (named(target["legendFormat"], labels), value)
        for target in panel["targets"]
        for labels, value in await asked.at(_filled(target), until)
    ]


def _filled(target: dict[str, Any]) -> str:
    expression: str = target["expr"]
    return expression.replace("$__rate_interval", INTERVAL)


if __name__ == "__main__":
    main()
