"""`caudal payu`: the Payouts API of PayU, for a person and for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from libs.contracts.event import timestamp
from services.cli.payu_account import EXIT_CODES, account, carried_out, opened
from services.cli.payu_payouts import payouts
from services.cli.payu_report import report
from services.cli.payu_webhooks import webhooks


@click.group(epilog=EXIT_CODES)
def payu() -> None:
    """Ask PayU: payouts, cancels, webhooks, and its report of transfers.

    The account stands in the sources file:

    \b
        [sources.payu.api]
        environment = "sandbox"            # or "production"
        merchant_id = "508029"
        account_id = "512321"
        callback_url = "https://hooks.example.com/webhooks/payu"
        credentials = { api_key = "env:…", api_login = "env:…", public_key = "env:…" }

    What changes something in production asks for a confirmation first, or takes --yes.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped


payu.add_command(payouts)
payu.add_command(webhooks)
payu.add_command(report)


@payu.command(epilog=EXIT_CODES)
@account
def authenticate(
    *, slug: str | None, sandbox: bool | None, sources: Path | None, data_dir: Path, as_json: bool
) -> None:
    """Try the credentials: get a token, and say until when it is good. It is not shown."""
    of = opened(slug, sources, data_dir, sandbox=sandbox)

    async def ask() -> datetime:
        async with of.client() as client:
            return datetime.now(UTC) + timedelta(seconds=await client.authenticate())

    until = timestamp(carried_out(ask(), of, changes=False))
    if as_json:
        told = {
            "source": of.source.slug,
            "environment": of.environment.value,
            "valid_until": until,
        }
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(f"{of.source.slug} ({of.environment.value}): authenticated, good until {until}")
