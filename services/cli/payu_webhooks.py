"""`caudal payu webhooks`: the URLs at which PayU notifies us."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from libs.contracts.event import timestamp
from libs.providers.payu import validation
from libs.providers.payu.answers import Webhook
from libs.providers.payu.requests import WebhookRequest
from libs.providers.payu.words import Event
from libs.runtime.configuration import ConfigurationError
from libs.runtime.harmless import json_text
from services.cli.payu_account import (
    DONE,
    EXIT_CODES,
    FAILED,
    account,
    assume_yes,
    carried_out,
    confirm,
    opened,
)
from services.inspection.payouts import webhook_table
from services.inspection.tables import show
from services.payouts.connection import Connection
from services.payouts.registration import Action, Step, carry_out, plan, shown_url

_events = click.option(
    "--event",
    "events",
    type=click.Choice([event.value for event in Event]),
    multiple=True,
    help="What it is about; may be given several times.",
)


def _id(_context: click.Context, _parameter: click.Parameter, told: str) -> str:
    """Take what can name one webhook, and nothing that would name all of them or something else."""
    text = told.strip()
    if not validation.payment_id(text):
        raise click.BadParameter("must be the id of a webhook")
    return text


_which = click.argument("webhook_id", callback=_id)


@click.group()
def webhooks() -> None:
    """Register the URLs at which PayU notifies us. Values of their queries are never shown."""


@webhooks.command(epilog=EXIT_CODES)
@click.option("--url", required=True, help="Where PayU shall post; unique per webhook.")
@click.option("--description", required=True, help="What it is.")
@_events
@assume_yes
@account
def create(*, url: str, description: str, events: tuple[str, ...], yes: bool, **where: Any) -> None:  # noqa: ANN401 - the options of `account`
    """Register a URL for one or more events."""
    of, as_json = _opened(**where)
    request = WebhookRequest(
        account_id=int(of.account.account_id),
        callback_url=url,
        description=description,
        enabled_events=events or tuple(event.value for event in Event),
    )
    confirm(of, "a webhook shall be registered", yes=yes)

    async def work() -> Webhook:
        async with of.client() as client:
            return await client.create_webhook(request)

    _show_one(carried_out(work(), of), as_json=as_json)


@webhooks.command(epilog=EXIT_CODES)
@_which
@click.option("--url", default=None, help="Where PayU shall post instead.")
@click.option("--description", default=None, help="What it is instead.")
@_events
@assume_yes
@account
def update(
    *,
    webhook_id: str,
    url: str | None,
    description: str | None,
    events: tuple[str, ...],
    yes: bool,
    **where: Any,  # noqa: ANN401 - the options of `account`
) -> None:
    """Change a registration; what is not told stays as it is."""
    if url is None and description is None and not events:
        raise click.UsageError("nothing to change: say --url, --description or --event")
    of, as_json = _opened(**where)
    confirm(of, f"the webhook {webhook_id} shall be changed", yes=yes)

    async def work() -> Webhook:
        async with of.client() as client:
            known = await client.webhook(webhook_id)
            request = WebhookRequest(
                id=webhook_id,
                account_id=int(of.account.account_id),
                callback_url=(known.callback_url or "") if url is None else url,
                description=(known.description or "") if description is None else description,
                enabled_events=events or known.enabled_events,
            )
            return await client.update_webhook(request)

    _show_one(carried_out(work(), of), as_json=as_json)


@webhooks.command(epilog=EXIT_CODES)
@_which
@assume_yes
@account
def delete(*, webhook_id: str, yes: bool, **where: Any) -> None:  # noqa: ANN401 - the options of `account`
    """Remove a registration: nothing is notified there any more."""
    of, as_json = _opened(**where)
    confirm(of, f"the webhook {webhook_id} shall be deleted", yes=yes)

    async def work() -> Webhook:
        async with of.client() as client:
            return await client.delete_webhook(webhook_id)

    _show_one(carried_out(work(), of), as_json=as_json)


@webhooks.command(epilog=EXIT_CODES)
@_which
@account
def get(*, webhook_id: str, **where: Any) -> None:  # noqa: ANN401 - the options of `account`
    """Show one registration."""
    of, as_json = _opened(**where)

    async def work() -> Webhook:
        async with of.client() as client:
            return await client.webhook(webhook_id)

    _show_one(carried_out(work(), of, changes=False), as_json=as_json)


@webhooks.command(name="list", epilog=EXIT_CODES)
@account
def list_(**where: Any) -> None:  # noqa: ANN401 - the options of `account`
    """List the registrations of the account."""
    of, as_json = _opened(**where)
    found = carried_out(_listed(of), of, changes=False)
    _show([_view(each) for each in found], as_json=as_json)


@webhooks.command(epilog=EXIT_CODES)
@click.option("--dry-run", is_flag=True, help="Print the difference, and change nothing.")
@assume_yes
@account
def sync(*, dry_run: bool, yes: bool, **where: Any) -> None:  # noqa: ANN401 - the options of `account`
    """Bring the registrations in line with `callback_url` of the sources file.

    PayU's notifications do not name their event, so each event gets a URL of its own: the event is
    one more segment of the path, a query stays. Registrations that carry our mark in their
    description, or lie under `callback_url`, and are wanted no more, are deleted; others are left
    alone.
    """
    of, as_json = _opened(**where)
    callback_url = of.api.callback_url
    if callback_url is None:
        raise ConfigurationError(f"sources.{of.source.slug}.api.callback_url", "is missing")
    steps = plan(
        carried_out(_listed(of), of, changes=False),
        source=of.source.slug,
        account_id=of.account.account_id,
        callback_url=callback_url,
    )
    differ = [step for step in steps if step.action is not Action.KEEP]
    if dry_run or not differ:
        _show([_difference(step) for step in steps], as_json=as_json)
        return
    confirm(of, f"{len(differ)} webhooks shall be created, changed or deleted", yes=yes)
    # Shown first, so that it is known how far it came if a step fails.
    _show([_difference(step) for step in steps], as_json=as_json)

    async def work() -> list[Webhook]:
        async with of.client() as client:
            done = [await carry_out(client, step) for step in differ]
        return [each for each in done if each is not None]

    sys.exit(FAILED if any(each.failed for each in carried_out(work(), of)) else DONE)


async def _listed(of: Connection) -> tuple[Webhook, ...]:
    async with of.client() as client:
        return await client.webhooks()


def _opened(
    *, slug: str | None, sandbox: bool | None, sources: Path | None, data_dir: Path, as_json: bool
) -> tuple[Connection, bool]:
    return opened(slug, sources, data_dir, sandbox=sandbox), as_json


def _view(webhook: Webhook) -> dict[str, Any]:
    created = webhook.created
    return {
        "id": webhook.id,
        "events": list(webhook.enabled_events),
        "url": shown_url(webhook.callback_url or ""),
        "description": webhook.description,
        "status": webhook.status,
        "created": created if created is None or isinstance(created, str) else timestamp(created),
        "processing_status": webhook.processing_status,
    }


def _difference(step: Step) -> dict[str, Any]:
    found = step.found
    told = {} if found is None else _view(found)
    wanted = {} if step.wanted is None else {"description": step.wanted.description}
    events = [step.event] if step.event else told.get("events", [])
    return told | wanted | {"action": step.action.value, "events": events, "url": step.url}


def _show_one(webhook: Webhook, *, as_json: bool) -> None:
    view = _view(webhook)
    if as_json:
        click.echo(json_text(view))
    else:
        show(webhook_table([view]))
    if webhook.failed:
        sys.exit(FAILED)


def _show(views: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(list(views)))
        return
    show(webhook_table(views))
