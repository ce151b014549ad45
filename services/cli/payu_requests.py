"""`caudal payu payouts requests` and `resolve`: what was asked for, and what nobody knows of it."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import click

from libs.providers.payu import validation
from libs.providers.payu.wire import identity
from libs.runtime.harmless import json_text
from libs.store import payouts as store
from libs.store.database import Pool
from libs.store.payout_request import OPEN, AskedPayout, Resolver
from services.cli import options
from services.cli.payu_account import (
    DONE,
    EXIT_CODES,
    FAILED,
    by_source,
    carried_out,
    fail,
    quiet,
)
from services.cli.payu_telling import say_what_is_left, tell_what_is_due
from services.inspection.payouts import request_table, request_view
from services.inspection.tables import show
from services.payouts.requesting import telling_of


@click.command(epilog=EXIT_CODES)
@click.option("--unknown", is_flag=True, help="Only those of which nobody knows what became.")
@click.option("--tell", "tell_now", is_flag=True, help="Tell the broker what it has not heard yet.")
@by_source
@options.data_dir
@options.as_json
def requests(
    *, unknown: bool, tell_now: bool, slug: str | None, data_dir: Path, as_json: bool
) -> None:
    """List the payouts that were asked for, oldest first."""
    quiet()
    states = list(OPEN) if unknown else None

    async def ask(pool: Pool) -> tuple[list[AskedPayout], int | None]:
        left = await tell_what_is_due(pool, data_dir) if tell_now else 0
        return await store.requests_on_record(pool, source=slug, states=states), left

    found, left = carried_out(options.asked(data_dir, ask), changes=False)
    if as_json:
        click.echo(json_text(list(map(request_view, found))))
    else:
        show(request_table(found))
    say_what_is_left(left)
    sys.exit(DONE if left == 0 else FAILED)


@click.command(epilog=EXIT_CODES)
@click.argument("request", type=click.UUID)
@click.option("--sent", "order", default=None, metavar="PAYMENT_ORDER_ID", help="PayU has it.")
@click.option("--not-sent", is_flag=True, help="PayU does not have it: it may be asked for again.")
@click.option("--reason", required=True, help="How that is known; it stays on record.")
@options.data_dir
@options.as_json
def resolve(  # noqa: PLR0913 - options of a command
    *,
    request: uuid.UUID,
    order: str | None,
    not_sent: bool,
    reason: str,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Say what became of a REQUEST that is unknown, as PayU's module or its report shows it."""
    if (order is not None) == not_sent:
        raise click.UsageError("say either --sent PAYMENT_ORDER_ID or --not-sent")
    if not reason.strip():
        raise click.BadParameter("must not be empty", param_hint="--reason")
    quiet()
    named = None if order is None else order_id(order)
    found, left = carried_out(
        options.asked(
            data_dir, lambda pool: _resolve(pool, str(request), named, reason.strip(), data_dir)
        ),
        changes=False,
    )
    if as_json:
        click.echo(json_text(request_view(found)))
    else:
        show(request_table([found]))
    say_what_is_left(left)


async def _resolve(
    pool: Pool, name: str, order: str | None, reason: str, data_dir: Path
) -> tuple[AskedPayout, int | None]:
    known = await store.request_on_record(pool, name)
    if known is None:
        fail(FAILED, f"no request is called {name}")
    now = datetime.now(UTC)
    try:
        done = await store.resolve(
            pool,
            known,
            payment_order_id=order,
            by=Resolver.OPERATOR,
            reason=reason,
            now=now,
            told=(order and telling_of(known, order, known.sent_at or known.created_at, now))
            or None,
        )
    except store.OrderTakenError as error:
        fail(FAILED, str(error))
    if done is None:
        fail(FAILED, f"{name} is {known.state.value} already")
    return done, await tell_what_is_due(pool, data_dir)


def order_id(text: str) -> str:
    """Return the id of a payout as it is known here: a UUID in small letters."""
    if not validation.payment_id(text.strip()):
        raise click.BadParameter("must be the id of a payout", param_hint="PAYMENT_ORDER_ID")
    return identity(text) or text
