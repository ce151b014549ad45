"""One webhook, followed from HTTP to its event: a stack with tracing on, and what its exporters sent."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
import click

from libs.bus.tail import tail
from libs.bus.topology import EVENTS
from libs.runtime.tracing.context import HEADER, of_message
from libs.runtime.tracing.port import Name
from libs.runtime.tracing.received import ReceivedSpan
from services.demo.collector import Collector
from services.demo.story import example
from services.demo.trace_tree import tree
from services.stack.addresses import Addresses
from services.stack.stack import Wanted, stack
from services.stack.temporary import temporary_data

WITHIN: Final = 20.0  # seconds for everything to be exported
TOKEN: Final = "dev-clip-token"  # noqa: S105 - the development source's, which everybody knows
DELIVERY: Final = frozenset(
    {
        Name.RECEIVE,
        Name.PUBLISH,
        Name.FILE,
        Name.TRANSLATE,
        Name.FOLD,
        Name.PUBLISH_EVENT,
    }
)
BATCHES: Final = frozenset({Name.SEND, Name.SEND_EVENTS, Name.TRANSACTION}) | {
    Name.PROCESS_ARCHIVE,
    Name.PROCESS_OUTCOMES,
    Name.PROCESS_RECEIVED,
}
# What may turn traces off, send them elsewhere or name them otherwise.
_OF_TRACES: Final = (
    "OTEL_BSP_",
    "OTEL_EXPORTER_OTLP_",
    "OTEL_PYTHON_EXPORTER_OTLP_",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_SPAN_",
    "OTEL_TRACES_",
)


async def run_trace() -> bool:
    """Post one webhook to a stack of its own, and print its trace; True where it is whole."""
    begun = time.monotonic()

    def progress(line: str) -> None:
        click.echo(f"{time.monotonic() - begun:5.1f} s  {line}")

    collector = Collector()
    with temporary_data() as folder:
        async with collector.listening() as endpoint:
            wanted = Wanted(
                data_dir=folder,
                port=0,
                log_file=folder / "workers.log",
                variables=told_to_workers(endpoint, os.environ),
            )
            async with stack(wanted, os.environ, progress) as addresses:
                header = await _post(addresses)
                whole = await collector.until(_is_whole, WITHIN)
    show(collector.spans, header)
    click.echo(f"took {time.monotonic() - begun:.0f} s")
    return whole


def told_to_workers(endpoint: str, around: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make the workers tell us all; what is around says nothing of it any more."""
    taken_back = {name: "" for name in around if name.startswith(_OF_TRACES)}
    return taken_back | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


async def _post(addresses: Addresses) -> str | None:
    """Post the documented example, and return the context with which its event came."""
    url = f"{addresses.ingress_url}/webhooks/clip?token={TOKEN}"
    body = example("clip", "checkout_created.json")
    async with (
        tail(addresses.amqp_url, EVENTS) as messages,
        aiohttp.ClientSession() as client,
        client.post(url, data=body) as answer,
        asyncio.timeout(WITHIN),
    ):
        click.echo(f"  POST clip checkout_created.json  {answer.status}")
        async for message in messages:
            return of_message(message.headers)
    return None


def _is_whole(spans: Sequence[ReceivedSpan]) -> bool:
    return {span.name for span in spans} >= DELIVERY | BATCHES


def show(spans: Sequence[ReceivedSpan], header: str | None) -> None:
    """Print the trace of the delivery, then those of the batches that it was part of."""
    [trace] = {span.trace_id for span in spans if span.name == Name.RECEIVE} or {""}
    click.secho(f"\nThe webhook: trace {trace}", bold=True)
    for line in tree([span for span in spans if span.trace_id == trace]):
        click.echo(line)
    click.secho("\nThe batches that it was part of, each in a trace of its own", bold=True)
    others = sorted(
        {(s.began, s.trace_id) for s in spans if s.trace_id != trace and not s.parent_id}
    )
    for _, other in others:
        for line in tree([span for span in spans if span.trace_id == other]):
            click.echo(line)
    click.secho("\nThe event came with", bold=True)
    click.echo(f"{HEADER}: {header}\n")
