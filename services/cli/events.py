"""`caudal events`: watch what is published, without taking it from anybody."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click

from libs.bus.tail import tail as tail_exchange
from libs.bus.topology import EVENTS
from libs.runtime.failures import TemporaryError
from libs.runtime.harmless import escaped
from libs.runtime.signals import stop_event
from services.cli import options
from services.inspection.tables import event_line


@click.group()
def events() -> None:
    """Watch the normalized events."""


@events.command()
@click.option(
    "--binding", default="#", show_default=True, help="Routing keys: <kind>.<state>.<provider>."
)
@click.option("--limit", type=click.IntRange(min=1), default=None, help="End after so many.")
@options.data_dir
@options.as_json
def tail(binding: str, limit: int | None, data_dir: Path, *, as_json: bool) -> None:
    """Show events as they are published, until Ctrl-C.

    A private copy: the queues of others are not touched. With --json one event per line, as it
    was published.
    """
    url = options.amqp_url(data_dir)
    try:
        asyncio.run(_tail(url, binding, limit, as_json=as_json))
    except (ConnectionError, TimeoutError) as error:
        raise TemporaryError(f"the connection to the broker ended: {error}") from None


async def _tail(url: str, binding: str, limit: int | None, *, as_json: bool) -> None:
    with stop_event() as stop:
        watching = asyncio.create_task(_watch(url, binding, limit, as_json=as_json))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if watching.done():
            watching.result()
            return
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _watch(url: str, binding: str, limit: int | None, *, as_json: bool) -> None:
    async with tail_exchange(url, EVENTS, binding) as messages:
        click.echo("watching caudal.events; Ctrl-C ends", err=True)
        seen = 0
        async for message in messages:
            click.echo(escaped(message.body.decode()) if as_json else event_line(message.body))
            seen += 1
            if limit is not None and seen >= limit:
                return
