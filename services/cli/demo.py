"""`caudal demo`: see it work."""

from __future__ import annotations

import asyncio
import sys

import click

from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from services.demo.run import run_demo


@click.command()
def demo() -> None:
    """Post real webhooks of all five providers and show what comes of them.

    Brings up a broker and a database of its own (or uses CAUDAL_AMQP_URL and
    CAUDAL_POSTGRES_DSN), verifies what it shows, and ends. Exit code 1 where anything is not as
    it must be.
    """
    settings = load_settings()
    configure_logs("demo", LogLevel.WARNING, settings.log_format)
    if not asyncio.run(run_demo()):
        sys.exit(1)
