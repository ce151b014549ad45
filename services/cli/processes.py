"""The long-running processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import uvloop

from libs.providers.registry import PROVIDERS
from libs.runtime.allocation import give_back_what_is_large
from libs.runtime.garbage import collect_seldom
from libs.runtime.heartbeat import heartbeat
from libs.runtime.logs import configure_logs
from libs.runtime.metrics_port import telling_metrics
from libs.runtime.secret_references import OwnCredentials, SendersSecrets, UnreadSecrets
from libs.runtime.settings import Settings, load_settings
from libs.runtime.signals import stop_event
from libs.runtime.sources import Sources, load_sources
from libs.runtime.tracing.opening import witnessing
from libs.runtime.tracing.witness import Witness
from services.admin.run import run as run_admin
from services.admin.tokens import load_tokens
from services.cli import options
from services.ingress.run import run as run_ingress
from services.normalizer.run import run as run_normalizer
from services.reconciler.run import run as run_reconciler

Run = Callable[[Settings, asyncio.Event, Witness | None], Awaitable[None]]


@click.command()
@options.sources
@click.option("--host", default=None, help="Address to bind; else CAUDAL_INGRESS_HOST.")
@click.option("--port", type=int, default=None, help="Port; 0 takes a free one.")
def ingress(sources: Path | None, host: str | None, port: int | None) -> None:
    """Take webhooks over HTTP and publish them durably.

    Needs CAUDAL_AMQP_URL and the sources file.
    """
    settings = load_settings(sources=sources, ingress_host=host, ingress_port=port)
    known = load_sources(settings.required_sources(), PROVIDERS, reader=SendersSecrets)
    give_back_what_is_large()
    _serve(
        "ingress",
        settings,
        lambda told, stop, witness: run_ingress(told, known, stop, witness=witness),
    )


@click.command()
@options.sources
@click.option("--name", default="normalizer", show_default=True, help="Its name in logs.")
def normalizer(sources: Path | None, name: str) -> None:
    """Translate raw deliveries into what they say.

    Needs CAUDAL_AMQP_URL and the sources file. Run as many as you like.
    """
    settings = load_settings(sources=sources)
    known = load_sources(settings.required_sources(), PROVIDERS, reader=UnreadSecrets)
    give_back_what_is_large()
    _serve(
        name,
        settings,
        lambda told, stop, witness: run_normalizer(told, known, stop, name=name, witness=witness),
        kind="normalizer",
    )


@click.command()
@options.sources
@click.option("--name", default="reconciler", show_default=True, help="Its name in logs.")
def reconciler(sources: Path | None, name: str) -> None:
    """Fold what was said into Postgres, publish the events, ask the providers back.

    Needs CAUDAL_AMQP_URL and CAUDAL_POSTGRES_DSN. Providers are asked where the sources file is
    told and CAUDAL_POLLING is not off. Run as many as you like.
    """
    settings = load_settings(sources=sources)
    settings.required_amqp_url()
    settings.required_postgres_dsn()
    known = _asked_back(settings, told=sources is not None)
    give_back_what_is_large()
    _serve(
        name,
        settings,
        lambda told, stop, witness: run_reconciler(
            told, stop, sources=known, name=name, witness=witness
        ),
        kind="reconciler",
    )


@click.command()
@options.sources
@click.option("--host", default=None, help="Address to bind; else CAUDAL_ADMIN_HOST.")
@click.option("--port", type=int, default=None, help="Port; 0 takes a free one.")
def admin(sources: Path | None, host: str | None, port: int | None) -> None:
    """Answer operators over HTTP: read, replay and discard what is parked, poll.

    Whoever asks shows a bearer token of CAUDAL_ADMIN_TOKEN (name:token, several with commas) or
    CAUDAL_ADMIN_TOKEN_FILE; what they do is on record with their name and their reason (`caudal
    audit list`). Needs CAUDAL_AMQP_URL and CAUDAL_POSTGRES_DSN; to poll, the sources file.
    """
    settings = load_settings(sources=sources, admin_host=host, admin_port=port)
    tokens = load_tokens(settings)
    settings.required_postgres_dsn()
    known = _asked_back(settings, told=sources is not None)
    _serve("admin", settings, lambda told, stop, _: run_admin(told, tokens, stop, sources=known))


def _asked_back(settings: Settings, *, told: bool) -> Sources | None:
    """Return the sources that are asked back, if any.

    The image names a file in every container, which is not mounted where nobody is to be asked.
    """
    path = settings.sources
    if path is None or not settings.polling or not (told or path.exists()):
        return None
    return load_sources(path, PROVIDERS, reader=OwnCredentials)


def _serve(service: str, settings: Settings, run: Run, *, kind: str | None = None) -> None:
    """Run a process of a kind, which is called `service`, until it is told to stop."""
    configure_logs(service, settings.log_level, settings.log_format)

    async def main() -> None:
        with stop_event() as stop:
            async with (
                heartbeat(settings.heartbeat_file),
                telling_metrics(settings.metrics_host, settings.metrics_port),
                witnessing(settings, kind or service, service) as witness,
            ):
                await run(settings, stop, witness)

    settings.required_amqp_url()
    collect_seldom()
    uvloop.run(main())
