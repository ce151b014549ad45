"""`caudal payu payouts`: ask for payouts, cancel them, and see to those of which nothing is known."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from libs.providers.payu import validation
from libs.providers.payu.findings import NotValidError
from libs.providers.payu.requests import CancelRequest, PayoutRequest
from libs.providers.payu.wire import identity
from libs.providers.reading import NotReadableError, read_json
from libs.store import payouts as store
from libs.store.database import Pool, open_pool
from libs.store.payouts import InTheWayError, RequestState, Resolution, Resolver
from services.cli import options
from services.cli.payu_account import (
    DONE,
    EXIT_CODES,
    FAILED,
    MISUSED,
    PARTLY,
    UNKNOWN,
    account,
    assume_yes,
    by_source,
    carried_out,
    confirm,
    fail,
    opened,
    quiet,
    refuse,
    say_what_is_left,
    tell_what_is_due,
)
from services.inspection.payouts import request_table, request_view
from services.inspection.tables import show
from services.payouts.requesting import (
    OtherContentError,
    Requested,
    request_payouts,
    telling_of,
)
from services.payouts.requesting import (
    cancel as cancel_payout,
)


def _now() -> datetime:
    return datetime.now(UTC)


@click.group()
def payouts() -> None:
    """Ask for payouts, cancel them, and see to those of which nothing is known."""


@payouts.command(epilog=EXIT_CODES)
@click.argument("file", type=click.File("rb"))
@click.option("--request-id", "batch", default=None, help="A name for this batch: sent once only.")
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
    for the same until it is resolved (`payouts resolve`, `report import`). With --request-id a batch
    that is on record already is not sent, but shown.

    Needs the database; what PayU took is told to the broker, now or as soon as it answers.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    document = _document(file, doubts=not allow_unknown)
    of = opened(slug, sources, data_dir, sandbox=sandbox)
    dsn = options.postgres_dsn(data_dir)
    total = sum(transfer.value for transfer in document.transfers)
    confirm(of, f"{len(document.transfers)} payouts of together {total:,f}", yes=yes)

    async def work() -> tuple[Requested, int]:
        async with open_pool(dsn, size=2) as pool, of.client() as client:
            done = await request_payouts(pool, client, of, document, batch, _now)
            return done, await tell_what_is_due(pool, data_dir)

    try:
        done, left = carried_out(work(), of)
    except InTheWayError as error:
        _in_the_way(error.requests, as_json=as_json)
    except OtherContentError:
        fail(MISUSED, f"--request-id: {batch} is the name of another batch")
    _tell(done, left, as_json=as_json)
    sys.exit(_code_of(done.requests))


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
    """Ask PayU to cancel a payout. It says later whether it did; to ask twice is safe."""
    order = _order(payment_order_id)
    request = CancelRequest(comments=comments, push_payment_id=push_payment_id)
    of = opened(slug, sources, data_dir, sandbox=sandbox)
    dsn = options.postgres_dsn(data_dir)
    confirm(of, f"the payout {order} shall be cancelled", yes=yes)

    async def work() -> tuple[str | None, int]:
        async with open_pool(dsn, size=2) as pool, of.client() as client:
            said = await cancel_payout(pool, client, of.source.slug, order, request, _now)
            return said, await tell_what_is_due(pool, data_dir)

    said, left = carried_out(work(), of)
    if as_json:
        told = {"payment_order_id": order, "message": said, "to_be_told": left}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{order}: {said or 'accepted'}")
    say_what_is_left(left)


@payouts.command(epilog=EXIT_CODES)
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
    states = list(store.OPEN) if unknown else None

    async def ask(pool: Pool) -> tuple[list[store.PayoutRequest], int]:
        left = await tell_what_is_due(pool, data_dir) if tell_now else 0
        return await store.requests_on_record(pool, source=slug, states=states), left

    found, left = options.reading(data_dir, ask)
    if as_json:
        click.echo(json.dumps(list(map(request_view, found)), ensure_ascii=False, indent=2))
    else:
        show(request_table(found))
    say_what_is_left(left)
    sys.exit(FAILED if left else DONE)


@payouts.command(epilog=EXIT_CODES)
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
    named = None if order is None else _order(order)
    found, left = options.reading(
        data_dir, lambda pool: _resolve(pool, str(request), named, reason.strip(), data_dir)
    )
    if as_json:
        click.echo(json.dumps(request_view(found), ensure_ascii=False, indent=2))
    else:
        show(request_table([found]))
    say_what_is_left(left)


async def _resolve(
    pool: Pool, name: str, order: str | None, reason: str, data_dir: Path
) -> tuple[store.PayoutRequest, int]:
    known = await store.request_on_record(pool, name)
    if known is None:
        fail(FAILED, f"no request is called {name}")
    if order is not None and await store.orders_on_record(pool, known.source, [order]):
        fail(FAILED, f"{order} is the payout of another request")
    now = _now()
    done = await store.resolve(
        pool,
        name,
        payment_order_id=order,
        by=Resolver.OPERATOR,
        reason=reason,
        now=now,
        told=(order and telling_of(known, order, known.sent_at or known.created_at, now)) or None,
    )
    if done is None:
        fail(FAILED, f"{name} is {known.state.value} already")
    return done, await tell_what_is_due(pool, data_dir)


def _document(file: BinaryIO, *, doubts: bool) -> PayoutRequest:
    try:
        return validation.payouts(read_json(file.read()), doubts=doubts)
    except NotReadableError as error:
        fail(MISUSED, f"{file.name}: {error}")
    except NotValidError as error:
        refuse(error)


def _order(text: str) -> str:
    """Return the id of a payout as it is known here: a UUID in small letters."""
    if not validation.payment_id(text.strip()):
        raise click.BadParameter("must be the id of a payout", param_hint="PAYMENT_ORDER_ID")
    return identity(text) or text


def _code_of(requests: Sequence[store.PayoutRequest]) -> int:
    """Say with one number what became of a batch."""
    if any(each.state in store.OPEN for each in requests):
        return UNKNOWN
    good = [
        each.state is RequestState.SUCCEEDED or each.resolution is Resolution.SENT
        for each in requests
    ]
    return DONE if all(good) else PARTLY if any(good) else FAILED


def _tell(done: Requested, left: int, *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {
            "batch": done.requests[0].batch,
            "again": done.again,
            "why": done.why,
            "requests": list(map(request_view, done.requests)),
            "unasked": done.unasked,
            "to_be_told": left,
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show(request_table(done.requests))
    if done.again:
        click.echo("on record already; nothing was sent", err=True)
    if done.why:
        click.echo(f"caudal: {done.why}", err=True)
    if done.unasked:
        click.echo(f"caudal: PayU also names {', '.join(done.unasked)}", err=True)
    if _code_of(done.requests) == UNKNOWN:
        click.echo(_HOW, err=True)
    say_what_is_left(left)


_HOW = (
    "caudal: what is unknown may have been paid. Look for it in PayU's module or its report "
    "(`caudal payu report import`), and say what became of it: `caudal payu payouts resolve`."
)


def _in_the_way(requests: Sequence[store.PayoutRequest], *, as_json: bool) -> None:
    if as_json:
        told = {"in_the_way": list(map(request_view, requests)), "requests": []}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show(request_table(requests))
    click.echo("caudal: nothing was sent: the same was asked for before.", err=True)
    click.echo(_HOW, err=True)
    sys.exit(UNKNOWN)
