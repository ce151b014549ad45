"""How the metrics are read: the text that Prometheus takes, and a worker's small door to it.

A process answers `/metrics` on CAUDAL_METRICS_PORT, where it is set; the ingress on its own port too, while
that is loopback's. Each tells every metric that there is; those that another counts have no samples, or 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from libs.runtime import metrics, queue_metrics, stage_metrics
from libs.runtime.configuration import ConfigurationError
from libs.runtime.metric_kinds import REGISTRY

# Importing them declares what they have.
DECLARED = (metrics, stage_metrics, queue_metrics)


def exposition() -> bytes:
    """Return all metrics as Prometheus reads them."""
    return generate_latest(REGISTRY)


async def answer_metrics(_request: web.BaseRequest) -> web.Response:
    """Handle `GET /metrics`."""
    return web.Response(
        body=exposition(),
        headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"},
    )


@contextlib.asynccontextmanager
async def telling_metrics(host: str, port: int | None) -> AsyncIterator[str | None]:
    """Answer `/metrics` as long as the block lasts; gives the URL, or None where no port is set.

    Raises `ConfigurationError` where it cannot listen.
    """
    if port is None:
        yield None
        return
    app = web.Application()
    app.router.add_get("/metrics", answer_metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "not possible"
            raise ConfigurationError(
                "CAUDAL_METRICS_PORT", f"cannot listen on {host}:{port}: {why}"
            ) from None
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield f"http://{shown}:{bound_port}/metrics"
    finally:
        await runner.cleanup()
