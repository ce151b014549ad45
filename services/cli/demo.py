"""`caudal demo`: see it work."""

from __future__ import annotations

import asyncio
import sys

import click

from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from services.demo.run import run_demo
from services.demo.tracing import run_trace


@click.command()
@click.option(
    "--trace", is_flag=True, help="Follow one webhook with tracing on, and print its trace."
)
def demo(*, trace: bool) -> None:
    """Post real webhooks of all five providers and show what comes of them.

    Brings up a broker and a database of its own (or uses CAUDAL_AMQP_URL and
    CAUDAL_POSTGRES_DSN), verifies what it shows, and ends. Exit code 1 where anything is not as
    it must be. With --trace it is one webhook, and the spans that its processes exported.
    """
    settings = load_settings()
    configure_logs("demo", LogLevel.WARNING, settings.log_format)
    if not asyncio.run(run_trace() if trace else run_demo()):
        sys.exit(1)
