"""What became of a batch of payouts, for a person and for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from libs.runtime.harmless import json_text
from libs.store.payout_request import OPEN, AskedPayout, RequestState, Resolution
from services.cli.payu_account import DONE, FAILED, PARTLY, UNKNOWN
from services.inspection.payouts import request_table, request_view
from services.inspection.tables import show
from services.payouts.requesting import Requested

_HOW: Final = (
    "caudal: what is unknown may have been paid. Look for it in PayU's module or its report "
    "(`caudal payu report import`), and say what became of it: `caudal payu payouts resolve`."
)


def code_of(requests: Sequence[AskedPayout]) -> int:
    """Say with one number what became of a batch."""
    if any(each.state in OPEN for each in requests):
        return UNKNOWN
    good = [
        each.state is RequestState.SUCCEEDED or each.resolved_as is Resolution.SENT
        for each in requests
    ]
    return DONE if all(good) else PARTLY if any(good) else FAILED


def show_outcome(done: Requested, *, as_json: bool) -> None:
    """Show what became of a batch, before anything else may fail."""
    if as_json:
        told: dict[str, Any] = {
            "batch": done.requests[0].batch,
            "again": done.again,
            "why": done.why,
            "requests": list(map(request_view, done.requests)),
            "unasked": done.unasked,
        }
        click.echo(json_text(told))
    else:
        show(request_table(done.requests))
    if done.again:
        click.echo("on record already; nothing was sent", err=True)
    if done.why:
        click.echo(f"caudal: {done.why}", err=True)
    if done.unasked:
        click.echo(f"caudal: PayU also names {', '.join(done.unasked)}", err=True)
    if code_of(done.requests) == UNKNOWN:
        click.echo(_HOW, err=True)
    sys.stdout.flush()


def in_the_way(requests: Sequence[AskedPayout], *, as_json: bool) -> NoReturn:
    """Show what has to be resolved before the same is asked for again, and end."""
    _show_earlier("in_the_way", requests, as_json=as_json)
    click.echo("caudal: nothing was sent: the same was asked for before.", err=True)
    click.echo(_HOW, err=True)
    sys.exit(UNKNOWN)


def done_lately(requests: Sequence[AskedPayout], *, as_json: bool) -> NoReturn:
    """Show what was paid lately and is asked for once more, and end."""
    _show_earlier("done_lately", requests, as_json=as_json)
    names = ", ".join(each.id for each in requests)
    click.echo(
        "caudal: nothing was sent: the same was asked for in the last 24 hours, and PayU took it "
        f"({names}). --again pays it once more.",
        err=True,
    )
    sys.exit(FAILED)


def _show_earlier(name: str, requests: Sequence[AskedPayout], *, as_json: bool) -> None:
    if as_json:
        told = {name: list(map(request_view, requests)), "requests": []}
        click.echo(json_text(told))
    else:
        show(request_table(requests))
