"""`caudal payu payouts`: ask for payouts, cancel them, and see to those of which nothing is known."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from libs.providers.payu import validation
from libs.providers.payu.findings import NotValidError
from libs.providers.payu.requests import CancelRequest, PayoutRequest
from libs.providers.reading import NotReadableError, read_json
from libs.runtime.harmless import json_text
from libs.store.database import open_pool
from libs.store.payouts import DoneLatelyError, InTheWayError
from services.cli import options
from services.cli.payu_account import (
    EXIT_CODES,
    MISUSED,
    account,
    assume_yes,
    carried_out,
    confirm,
    fail,
    opened,
    refuse,
)
from services.cli.payu_outcome import code_of, done_lately, in_the_way, show_outcome
from services.cli.payu_requests import order_id, requests, resolve
from services.cli.payu_telling import say_what_is_left, tell_what_is_due
from services.payouts.attempt import Attempt
from services.payouts.canceling import cancel as cancel_payout
from services.payouts.connection import Connection
from services.payouts.requesting import OtherContentError, request_payouts


def _now() -> datetime:
    return datetime.now(UTC)


@click.group()
def payouts() -> None:
    """Ask for payouts, cancel them, and see to those of which nothing is known."""


payouts.add_command(requests)
payouts.add_command(resolve)


@payouts.command(epilog=EXIT_CODES)
@click.argument("file", type=click.File("rb"))
@click.option("--request-id", "batch", default=None, help="A name for this batch: sent once only.")
@click.option(
    "--again", is_flag=True, help="Pay once more what was paid in the last 24 hours: it is meant."
)
@click.option(
    "--allow-unknown",
    is_flag=True,
    help="Also send bank codes, document types and fields that Caudal does not know.",
)
@assume_yes
@account
def create(  # noqa: PLR0913 - options of a command
    *,
    file: BinaryIO,
    batch: str | None,
    again: bool,
    allow_unknown: bool,
    yes: bool,
    slug: str | None,
    sandbox: bool | None,
    sources: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Ask for the payouts of FILE, a JSON document as the API takes it (- is stdin).

    \b
        {"transfers": [{"value": 250000, "description": "ORD-1001", "bankAccount": {…}}]}

    Everything that is wrong by PayU's documents is told, and nothing is sent (exit code 2). Each
    payout is put on record before it is sent. PayU knows no idempotency key: one whose answer was
    lost is `unknown` (exit code 4), is never sent again by itself, and stops every further request
    for the same until it is resolved (`payouts resolve`, `report import`). What PayU took in the last
    24 hours is not asked for once more (exit code 1), whatever the batch is called, but with --again.
    With --request-id a batch that is on record already is not sent, but shown; one of which nothing
    was sent leaves its name to the next.

    Needs the database. What became of it is shown first, and then told to the broker, now or as soon
    as it answers; the exit code is that of the payouts.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    of = opened(slug, sources, data_dir, sandbox=sandbox)
    document = _document(file, of, doubts=not allow_unknown)
    dsn, keys = options.postgres_dsn(data_dir), options.key_ring(data_dir)
    total = sum(transfer.value for transfer in document.transfers)
    confirm(of, f"{len(document.transfers)} payouts of together {total:,f}", yes=yes)

    attempt = Attempt()

    async def work() -> int:
        async with open_pool(dsn, size=2, keys=keys) as pool, of.client() as client:
            done = await request_payouts(
                pool, client, of, document, batch, _now, again=again, attempt=attempt
            )
            show_outcome(done, as_json=as_json)
            attempt.shown = True
            say_what_is_left(await tell_what_is_due(pool, data_dir))
        return code_of(done.requests)

    try:
        code = carried_out(work(), of, attempt=attempt, as_json=as_json)
    except InTheWayError as error:
        in_the_way(error.requests, as_json=as_json)
    except DoneLatelyError as error:
        done_lately(error.requests, as_json=as_json)
    except OtherContentError:
        fail(MISUSED, f"--request-id: {batch} is the name of another batch")
    sys.exit(code)


@payouts.command(epilog=EXIT_CODES)
@click.argument("payment_order_id")
@click.option("--comments", default=None, help="Why.")
@click.option("--push-payment-id", default=None, help="Its other id, where it has one.")
@assume_yes
@account
def cancel(  # noqa: PLR0913 - options of a command
    *,
    payment_order_id: str,
    comments: str | None,
    push_payment_id: str | None,
    yes: bool,
    slug: str | None,
    sandbox: bool | None,
    sources: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Ask PayU to cancel a payout. It says later whether it did; to ask twice is safe.

    Put on record before it is sent. Where the answer is lost (exit code 4) and the payout is rejected
    later, it counts as canceled; --json says why then, and has no message.
    """
    order = order_id(payment_order_id)
    request = CancelRequest(comments=comments, push_payment_id=push_payment_id)
    of = opened(slug, sources, data_dir, sandbox=sandbox)
    dsn, keys = options.postgres_dsn(data_dir), options.key_ring(data_dir)
    confirm(of, f"the payout {order} shall be cancelled", yes=yes)

    attempt = Attempt(about={"payment_order_id": order, "message": None})

    async def work() -> None:
        async with open_pool(dsn, size=2, keys=keys) as pool, of.client() as client:
            source = of.source.slug
            said = await cancel_payout(pool, client, source, order, request, _now, attempt=attempt)
            if as_json:
                told = {"payment_order_id": order, "message": said}
                click.echo(json_text(told))
            else:
                click.echo(f"{order}: {said or 'accepted'}")
            attempt.shown = True
            say_what_is_left(await tell_what_is_due(pool, data_dir))

    carried_out(work(), of, attempt=attempt, as_json=as_json)


def _document(file: BinaryIO, of: Connection, *, doubts: bool) -> PayoutRequest:
    try:
        return validation.payouts(read_json(file.read()), doubts=doubts, own=of.account.own)
    except NotReadableError as error:
        fail(MISUSED, f"{file.name}: {error}")
    except NotValidError as error:
        refuse(error)
